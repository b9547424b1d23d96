namespace DilatedKernels.Backends;

/// <summary>A block of device memory. Its contents are undefined until an operation has written it.</summary>
internal abstract class DeviceBuffer : IDisposable
{
    /// <summary>The number of bytes that were asked for.</summary>
    public abstract long ByteLength { get; }

    /// <summary>How the numbers in it are stored, which every operation goes by. Blocks of anything else, such as labels, keep the default.</summary>
    public ElementType ElementType { get; set; }

    /// <summary>True once the memory has gone back to the device.</summary>
    public abstract bool IsDisposed { get; }

    /// <summary>Gives the memory back to the device. Safe to call twice and from any thread.</summary>
    public abstract void Dispose();
}
