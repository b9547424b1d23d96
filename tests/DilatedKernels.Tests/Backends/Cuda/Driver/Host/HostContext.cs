using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Host;

/// <summary>The one device of the host driver: memory, modules and launches.</summary>
internal sealed unsafe partial class HostContext : ICudaContext
{
    public const int SharedBytesWithoutOptIn = 48 << 10;

    private const int InvalidValue = 1;

    private static readonly string[] Names =
    [
        "OK", "INVALID_ARGUMENT", "OUT_OF_MEMORY", "NOT_FOUND", "4", "5", "6", "7", "8", "9", "BARRIER_DIVERGENCE", "WARP_DIVERGENCE", "RACE",
        "OUT_OF_BOUNDS", "UNINITIALISED", "ASYNC_COPY", "USE_AFTER_FREE", "MISALIGNED", "UNDEFINED_BEHAVIOUR", "TRAP", "MBARRIER", "WARPGROUP", "CLUSTER",
    ];

    /// <param name="kernel">The kernel's name.</param>
    /// <param name="grid">All its blocks.</param>
    /// <param name="arguments">Where the values of its parameters are.</param>
    public delegate (long First, long Count) BlockChoice(string kernel, Dim3 grid, void** arguments);

    private readonly HostApi _api;
    private readonly ConcurrentDictionary<nint, Kernel> _kernels = new();
    private bool _disposed;

    public HostContext(HostDriver driver, HostApi api, CudaDeviceDescription description)
    {
        Driver = driver;
        Device = description;
        _api = api;
    }

    public ICudaDriver Driver { get; }

    public CudaDeviceDescription Device { get; }

    public nint Handle => 1;

    /// <summary>Which blocks of a launch run, where not all of them: the first, and how many. May look at the arguments.</summary>
    public BlockChoice? Blocks { get; set; }

    public void MakeCurrent() => ObjectDisposedException.ThrowIf(_disposed, this);

    /// <summary>Everything is done already; what a kernel wrote past its memory, or after it was freed, comes out here.</summary>
    public void Synchronize()
    {
        MakeCurrent();
        Check(_api.CheckMemory(), "dk_host_check_memory");
    }

    public void Dispose() => _disposed = true;

    public DevicePointer Allocate(long bytes, StreamHandle stream)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        MakeCurrent();
        if (bytes > GetMemory().Free)
        {
            throw new CudaException(
                CudaException.OutOfMemory, "DK_HOST_OUT_OF_MEMORY", "out of memory", "dk_host_allocate", detail: $"{bytes} bytes were asked for; {GetMemory().Free} are free.");
        }

        ulong address = 0;
        Check(_api.Allocate((ulong)bytes, &address), "dk_host_allocate");
        var memory = new DevicePointer(address);
        Recording(stream)?.Allocated.Add(memory);
        return memory;
    }

    public void Free(DevicePointer pointer, StreamHandle stream)
    {
        MakeCurrent();
        if (Recording(stream) is { } graph)
        {
            // A replay writes there again, so the memory stays until the graph goes.
            if (!graph.Allocated.Contains(pointer))
            {
                throw Refused("cuMemFreeAsync", null, "memory that was allocated before a recording cannot be freed inside it");
            }

            graph.Freed.Add(pointer);
            return;
        }

        Check(_api.Free(pointer.Value), "dk_host_free");
    }

    public (long Free, long Total) GetMemory()
    {
        MakeCurrent();
        HostApi.Memory memory;
        _api.GetMemory(&memory);
        return (HostDriver.MemoryBytes - (long)memory.LiveBytes, HostDriver.MemoryBytes);
    }

    public PoolStatistics GetPool()
    {
        MakeCurrent();
        HostApi.Memory memory;
        _api.GetMemory(&memory);
        return new PoolStatistics((long)memory.LiveBytes, (long)memory.LiveBytes);
    }

    public void SetPoolThreshold(long bytes) => ArgumentOutOfRangeException.ThrowIfNegative(bytes);

    public void TrimPool(long keepBytes) => ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);

    public void* AllocatePinned(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        return NativeMemory.Alloc((nuint)bytes);
    }

    public void FreePinned(void* memory) => NativeMemory.Free(memory);

    public void CopyToDevice(void* source, DevicePointer target, long bytes, StreamHandle stream) =>
        Issue(stream, () => Check(_api.CopyToDevice(target.Value, source, (ulong)bytes), "dk_host_copy_to_device"));

    public void CopyToHost(DevicePointer source, void* target, long bytes, StreamHandle stream) =>
        Issue(stream, () => Check(_api.CopyToHost(target, source.Value, (ulong)bytes), "dk_host_copy_to_host"));

    public void CopyOnDevice(DevicePointer source, DevicePointer target, long bytes, StreamHandle stream) =>
        Issue(stream, () => Check(_api.CopyOnDevice(target.Value, source.Value, (ulong)bytes), "dk_host_copy_on_device"));

    public void Fill(DevicePointer target, uint word, long count, StreamHandle stream) =>
        Issue(stream, () => Check(_api.Fill(target.Value, word, sizeof(uint), (ulong)count), "dk_host_fill"));

    /// <summary>All kernels are in the library; the image is not looked at.</summary>
    public KernelModuleHandle LoadModule(ReadOnlySpan<byte> image)
    {
        MakeCurrent();
        return image.IsEmpty ? throw new ArgumentException("The kernel image is empty.", nameof(image)) : new KernelModuleHandle(1);
    }

    public void UnloadModule(KernelModuleHandle module) => MakeCurrent();

    public bool TryGetFunction(KernelModuleHandle module, string name, out FunctionHandle function)
    {
        MakeCurrent();
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            function = new FunctionHandle(_api.FindKernel(text));
        }

        if (function.Value == 0)
        {
            return false;
        }

        _kernels.TryAdd(function.Value, new Kernel(name, _api.ParameterCount(function.Value)));
        return true;
    }

    public int GetProperty(FunctionHandle function, FunctionProperty property) => property switch
    {
        FunctionProperty.MaxThreadsPerBlock => 1024,
        FunctionProperty.MaxDynamicSharedBytes => _kernels[function.Value].MaxSharedBytes,
        FunctionProperty.SharedMemoryCarveout => -1,
        FunctionProperty.PtxVersion or FunctionProperty.BinaryVersion => Device.Architecture,
        _ => 0,
    };

    public void SetProperty(FunctionHandle function, FunctionProperty property, int value)
    {
        if (property == FunctionProperty.MaxDynamicSharedBytes && (value < 0 || value > Device.MaxSharedBytesPerBlock))
        {
            throw Refused("cuFuncSetAttribute", _kernels[function.Value].Name, $"{value} bytes of shared memory; a block has {Device.MaxSharedBytesPerBlock} at most");
        }

        _kernels[function.Value].MaxSharedBytes = value;
    }

    public int GetResidentBlocks(FunctionHandle function, int threads, long sharedBytes) =>
        (int)Math.Min(2048 / threads, sharedBytes == 0 ? int.MaxValue : Driver.GetProperty(0, DeviceProperty.SharedBytesPerMultiprocessor) / sharedBytes);

    public void Launch(FunctionHandle function, in LaunchConfiguration configuration, ReadOnlySpan<nint> arguments)
    {
        MakeCurrent();
        Kernel kernel = _kernels[function.Value];
        if (arguments.Length != kernel.Parameters)
        {
            throw Refused("dk_host_launch", kernel.Name, $"{arguments.Length} arguments were given; the kernel has {kernel.Parameters} parameters");
        }

        if (configuration.Cluster != default && Device.Architecture < 90)
        {
            throw Refused("dk_host_launch", kernel.Name, $"a cluster of {configuration.Cluster} blocks; sm_{Device.Architecture} has none");
        }

        if (configuration.SharedBytes > kernel.MaxSharedBytes)
        {
            throw Refused("dk_host_launch", kernel.Name, $"{configuration.SharedBytes} bytes of shared memory; the kernel has been allowed {kernel.MaxSharedBytes}");
        }

        Watch?.Invoke("Launch", configuration.Stream);
        if (Recording(configuration.Stream) is { } graph)
        {
            graph.Add(CopyLaunch(function, configuration, arguments));
            return;
        }

        fixed (nint* p = arguments)
        {
            Launch(function, configuration, (void**)p);
        }
    }

    public ICudaGemm? OpenGemm(out string reason)
    {
        bool hasGemm = ((HostDriver)Driver).HasGemm;
        reason = hasGemm ? "" : "the host driver was opened without a matrix product";
        return hasGemm ? new HostGemm(this) : null;
    }

    private void Launch(FunctionHandle function, in LaunchConfiguration configuration, void** arguments)
    {
        (Dim3 grid, Dim3 block, Dim3 cluster) = (configuration.Grid, configuration.Block, configuration.Cluster);
        if (Blocks is not null)
        {
            (long first, long count) = Blocks(_kernels[function.Value].Name, grid, arguments);
            Choose(first, count);
        }

        try
        {
            int code = _api.Launch(function.Value, grid.X, grid.Y, grid.Z, block.X, block.Y, block.Z, cluster.X, cluster.Y, cluster.Z, configuration.SharedBytes, arguments);
            if (code != 0)
            {
                Throw(code, "dk_host_launch", _kernels[function.Value].Name, $"The grid was {grid} blocks of {block} threads with {configuration.SharedBytes} bytes of shared memory.");
            }
        }
        finally
        {
            if (Blocks is not null)
            {
                Choose(0, 0);
            }
        }
    }

    private void Choose(long firstBlock, long blocks)
    {
        Check(_api.SetOption(2, firstBlock), "dk_host_set_option");
        Check(_api.SetOption(3, blocks), "dk_host_set_option");
    }

    private void Check(int code, string call)
    {
        if (code != 0)
        {
            Throw(code, call, null, null);
        }
    }

    [DoesNotReturn]
    private void Throw(int code, string call, string? kernel, string? detail) =>
        throw new CudaException(code, $"DK_HOST_{Names[code]}", _api.LastError, call, kernel, detail);

    private static CudaException Refused(string call, string? kernel, string text) => new(InvalidValue, "DK_HOST_INVALID_ARGUMENT", text, call, kernel);

    private sealed class Kernel(string name, int parameters)
    {
        public string Name => name;

        public int Parameters => parameters;

        public int MaxSharedBytes { get; set; } = SharedBytesWithoutOptIn;
    }
}
