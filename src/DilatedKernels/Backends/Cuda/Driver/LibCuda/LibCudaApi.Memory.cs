namespace DilatedKernels.Cuda;

// Entry points for memory.
internal sealed unsafe partial class LibCudaApi
{
    /// <summary><c>cuMemAllocAsync</c>.</summary>
    public delegate* unmanaged<ulong*, nuint, nint, int> MemAllocAsync { get; private set; }

    /// <summary><c>cuMemFreeAsync</c>.</summary>
    public delegate* unmanaged<ulong, nint, int> MemFreeAsync { get; private set; }

    /// <summary><c>cuMemGetInfo_v2</c>.</summary>
    public delegate* unmanaged<nuint*, nuint*, int> MemGetInfo { get; private set; }

    /// <summary><c>cuDeviceGetDefaultMemPool</c>.</summary>
    public delegate* unmanaged<nint*, int, int> DeviceGetDefaultMemPool { get; private set; }

    /// <summary><c>cuMemPoolSetAttribute</c>.</summary>
    public delegate* unmanaged<nint, int, void*, int> MemPoolSetAttribute { get; private set; }

    /// <summary><c>cuMemPoolGetAttribute</c>.</summary>
    public delegate* unmanaged<nint, int, void*, int> MemPoolGetAttribute { get; private set; }

    /// <summary><c>cuMemPoolTrimTo</c>.</summary>
    public delegate* unmanaged<nint, nuint, int> MemPoolTrimTo { get; private set; }

    /// <summary><c>cuMemAllocHost_v2</c>.</summary>
    public delegate* unmanaged<void**, nuint, int> MemAllocHost { get; private set; }

    /// <summary><c>cuMemFreeHost</c>.</summary>
    public delegate* unmanaged<void*, int> MemFreeHost { get; private set; }

    /// <summary><c>cuMemcpyHtoDAsync_v2</c>.</summary>
    public delegate* unmanaged<ulong, void*, nuint, nint, int> MemcpyHtoDAsync { get; private set; }

    /// <summary><c>cuMemcpyDtoHAsync_v2</c>.</summary>
    public delegate* unmanaged<void*, ulong, nuint, nint, int> MemcpyDtoHAsync { get; private set; }

    /// <summary><c>cuMemcpyDtoDAsync_v2</c>.</summary>
    public delegate* unmanaged<ulong, ulong, nuint, nint, int> MemcpyDtoDAsync { get; private set; }

    /// <summary><c>cuMemsetD32Async</c>.</summary>
    public delegate* unmanaged<ulong, uint, nuint, nint, int> MemsetD32Async { get; private set; }

    private void BindMemory()
    {
        MemAllocAsync = (delegate* unmanaged<ulong*, nuint, nint, int>)Required("cuMemAllocAsync");
        MemFreeAsync = (delegate* unmanaged<ulong, nint, int>)Required("cuMemFreeAsync");
        MemGetInfo = (delegate* unmanaged<nuint*, nuint*, int>)Required("cuMemGetInfo_v2");
        DeviceGetDefaultMemPool = (delegate* unmanaged<nint*, int, int>)Required("cuDeviceGetDefaultMemPool");
        MemPoolSetAttribute = (delegate* unmanaged<nint, int, void*, int>)Required("cuMemPoolSetAttribute");
        MemPoolGetAttribute = (delegate* unmanaged<nint, int, void*, int>)Required("cuMemPoolGetAttribute");
        MemPoolTrimTo = (delegate* unmanaged<nint, nuint, int>)Required("cuMemPoolTrimTo");
        MemAllocHost = (delegate* unmanaged<void**, nuint, int>)Required("cuMemAllocHost_v2");
        MemFreeHost = (delegate* unmanaged<void*, int>)Required("cuMemFreeHost");
        MemcpyHtoDAsync = (delegate* unmanaged<ulong, void*, nuint, nint, int>)Required("cuMemcpyHtoDAsync_v2");
        MemcpyDtoHAsync = (delegate* unmanaged<void*, ulong, nuint, nint, int>)Required("cuMemcpyDtoHAsync_v2");
        MemcpyDtoDAsync = (delegate* unmanaged<ulong, ulong, nuint, nint, int>)Required("cuMemcpyDtoDAsync_v2");
        MemsetD32Async = (delegate* unmanaged<ulong, uint, nuint, nint, int>)Required("cuMemsetD32Async");
    }
}
