using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DilatedKernels.Cuda;

/// <summary>A device's primary context through libcuda.</summary>
internal sealed unsafe partial class LibCudaContext : ICudaContext
{
    // The context that this class last made current on the thread. Another library may have changed it since; calls that name a stream,
    // module or event do not depend on it, and the rare calls that do set it anew.
    [ThreadStatic]
    private static LibCudaContext? s_current;

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
        s_current = this;
    }

    public void Synchronize()
    {
        MakeCurrent();
        Check(_api.CtxSynchronize(), "cuCtxSynchronize");
    }

    public void Dispose()
    {
        if (ReferenceEquals(s_current, this))
        {
            s_current = null;
        }

        _context.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enter()
    {
        if (!ReferenceEquals(s_current, this) || _context.IsClosed)
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
