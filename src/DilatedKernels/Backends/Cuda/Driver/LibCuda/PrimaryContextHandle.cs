using System.Runtime.InteropServices;

namespace DilatedKernels.Cuda;

/// <summary>
/// One hold on a device's primary context. Everything else belongs to the context, so this is the one handle whose loss would
/// keep a device's memory taken; a forgotten one is released by its finalizer.
/// </summary>
internal sealed unsafe class PrimaryContextHandle : SafeHandle
{
    private readonly LibCudaApi _api;
    private readonly int _device;

    private PrimaryContextHandle(LibCudaApi api, int device, nint context)
        : base(0, ownsHandle: true)
    {
        _api = api;
        _device = device;
        SetHandle(context);
    }

    public override bool IsInvalid => handle == 0;

    public nint Value => handle;

    /// <summary>Retains the primary context; <paramref name="result"/> is null when the driver's code is not 0.</summary>
    public static int Retain(LibCudaApi api, int device, out PrimaryContextHandle? result)
    {
        nint context = 0;
        int code = api.DevicePrimaryCtxRetain(&context, device);
        result = code == 0 ? new PrimaryContextHandle(api, device, context) : null;
        return code;
    }

    protected override bool ReleaseHandle() => _api.DevicePrimaryCtxRelease(_device) == 0;
}
