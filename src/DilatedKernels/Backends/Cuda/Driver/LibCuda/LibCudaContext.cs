using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DilatedKernels.Cuda;

/// <summary>A device's primary context through libcuda.</summary>
internal sealed unsafe partial class LibCudaContext : ICudaContext
{
    private readonly LibCudaApi _api;
    private readonly PrimaryContextHandle _context;
    private readonly nint _pool;
    private readonly ConcurrentDictionary<nint, string> _names = new();

    internal LibCudaContext(LibCudaDriver driver, LibCudaApi api, CudaDeviceDescription description, int device, PrimaryContextHandle context)
    {
        _api = api;
        _context = context;
        Driver = driver;
        Device = description;
        nint pool = 0;
        Check(api.DeviceGetDefaultMemPool(&pool, device), "cuDeviceGetDefaultMemPool");
        _pool = pool;
    }

    public ICudaDriver Driver { get; }

    public CudaDeviceDescription Device { get; }

    public nint Handle => _context.Value;

    public void MakeCurrent()
    {
        ObjectDisposedException.ThrowIf(_context.IsClosed, this);
        Check(_api.CtxSetCurrent(_context.Value), "cuCtxSetCurrent");
    }

    public void Synchronize()
    {
        MakeCurrent();
        Check(_api.CtxSynchronize(), "cuCtxSynchronize");
    }

    public void Dispose() => _context.Dispose();

    // Asked each time: another library may have made a context of its own current on the thread since, and launches, tensor maps and properties of kernels depend on it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enter()
    {
        nint current;
        if (_context.IsClosed || _api.CtxGetCurrent(&current) != 0 || current != _context.Value)
        {
            MakeCurrent();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Check(int code, string call)
    {
        if (code != 0)
        {
            Throw(code, call, null, null);
        }
    }

    private string NameOf(FunctionHandle function) => _names.GetValueOrDefault(function.Value, $"0x{function.Value:x}");

    [DoesNotReturn]
    private void Throw(int code, string call, string? kernel, string? detail)
    {
        (string name, string text) = _api.Describe(code);
        throw new CudaException(code, name, text, call, kernel, detail);
    }
}
