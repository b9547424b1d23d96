using System.Collections.Concurrent;
using ManagedCuda;
using ManagedCuda.BasicTypes;

namespace DilatedKernels.Cuda;

/// <summary>A device's primary context through ManagedCuda.</summary>
internal sealed unsafe partial class ManagedCudaContext : ICudaContext
{
    private readonly PrimaryContext _context;
    private readonly DirectCalls _direct;
    private readonly CUmemoryPool _pool;
    private readonly ConcurrentDictionary<nint, CudaKernel> _kernels = new();
    private bool _disposed;

    public ManagedCudaContext(ManagedCudaDriver driver, CudaDeviceDescription description, PrimaryContext context, CUdevice device, DirectCalls direct)
    {
        _direct = direct;
        _context = context;
        Driver = driver;
        Device = description;
        ManagedCudaError.Check(DriverAPINativeMethods.DeviceManagement.cuDeviceGetDefaultMemPool(ref _pool, device), "cuDeviceGetDefaultMemPool");
    }

    public ICudaDriver Driver { get; }

    public CudaDeviceDescription Device { get; }

    public nint Handle => _context.Context.Pointer;

    public void MakeCurrent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Check(DriverAPINativeMethods.ContextManagement.cuCtxSetCurrent(_context.Context), "cuCtxSetCurrent");
    }

    public void Synchronize()
    {
        MakeCurrent();
        Check(DriverAPINativeMethods.ContextManagement.cuCtxSynchronize(), "cuCtxSynchronize");
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _context.Dispose();
    }

    private static CUstream Native(StreamHandle stream) => new() { Pointer = stream.Value };

    private static CUevent Native(EventHandle @event) => new() { Pointer = @event.Value };

    private static CUdeviceptr Native(DevicePointer pointer) => new(new SizeT(pointer.Value));

    private static void Check(CUResult result, string call) => ManagedCudaError.Check(result, call);

    // Asked each time: other code may have made a context of its own current on the thread since.
    private void Enter()
    {
        CUcontext current = default;
        if (_disposed || DriverAPINativeMethods.ContextManagement.cuCtxGetCurrent(ref current) != CUResult.Success || current.Pointer != _context.Context.Pointer)
        {
            MakeCurrent();
        }
    }
}
