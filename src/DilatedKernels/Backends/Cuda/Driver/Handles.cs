namespace DilatedKernels.Cuda;

/// <summary>An address in a device's memory.</summary>
/// <param name="Value">The address; 0 is no memory.</param>
public readonly record struct DevicePointer(ulong Value)
{
    /// <summary>The address <paramref name="bytes"/> further on.</summary>
    /// <param name="pointer">Where to start.</param>
    /// <param name="bytes">How far, in bytes.</param>
    public static DevicePointer operator +(DevicePointer pointer, long bytes) => new(unchecked(pointer.Value + (ulong)bytes));

    /// <summary>The address <paramref name="bytes"/> further on.</summary>
    /// <param name="pointer">Where to start.</param>
    /// <param name="bytes">How far, in bytes.</param>
    public static DevicePointer Add(DevicePointer pointer, long bytes) => pointer + bytes;

    /// <summary>Writes the address in hexadecimal.</summary>
    public override string ToString() => $"0x{Value:x}";
}

/// <summary>A stream: a queue of work that runs in order (<c>CUstream</c>).</summary>
/// <param name="Value">The driver's handle; 0 is the context's default stream.</param>
public readonly record struct StreamHandle(nint Value);

/// <summary>An event: a point in a stream that can be waited for and timed (<c>CUevent</c>).</summary>
/// <param name="Value">The driver's handle.</param>
public readonly record struct EventHandle(nint Value);

/// <summary>A loaded kernel image (<c>CUmodule</c>).</summary>
/// <param name="Value">The driver's handle.</param>
public readonly record struct KernelModuleHandle(nint Value);

/// <summary>A kernel of a module (<c>CUfunction</c>).</summary>
/// <param name="Value">The driver's handle.</param>
public readonly record struct FunctionHandle(nint Value);

/// <summary>What a capture recorded (<c>CUgraph</c>).</summary>
/// <param name="Value">The driver's handle.</param>
public readonly record struct GraphHandle(nint Value);

/// <summary>A graph made ready to run (<c>CUgraphExec</c>).</summary>
/// <param name="Value">The driver's handle.</param>
public readonly record struct GraphExecHandle(nint Value);
