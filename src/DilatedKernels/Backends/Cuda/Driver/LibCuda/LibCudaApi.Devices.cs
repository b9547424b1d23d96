namespace DilatedKernels.Cuda;

// Entry points for devices.
internal sealed unsafe partial class LibCudaApi
{
    /// <summary><c>cuInit</c>.</summary>
    public delegate* unmanaged<uint, int> Init { get; private set; }

    /// <summary><c>cuDriverGetVersion</c>.</summary>
    public delegate* unmanaged<int*, int> DriverGetVersion { get; private set; }

    /// <summary><c>cuGetErrorName</c>.</summary>
    public delegate* unmanaged<int, byte**, int> GetErrorName { get; private set; }

    /// <summary><c>cuGetErrorString</c>.</summary>
    public delegate* unmanaged<int, byte**, int> GetErrorString { get; private set; }

    /// <summary><c>cuDeviceGetCount</c>.</summary>
    public delegate* unmanaged<int*, int> DeviceGetCount { get; private set; }

    /// <summary><c>cuDeviceGet</c>.</summary>
    public delegate* unmanaged<int*, int, int> DeviceGet { get; private set; }

    /// <summary><c>cuDeviceGetName</c>.</summary>
    public delegate* unmanaged<byte*, int, int, int> DeviceGetName { get; private set; }

    /// <summary><c>cuDeviceTotalMem_v2</c>.</summary>
    public delegate* unmanaged<nuint*, int, int> DeviceTotalMem { get; private set; }

    /// <summary><c>cuDeviceGetAttribute</c>.</summary>
    public delegate* unmanaged<int*, int, int, int> DeviceGetAttribute { get; private set; }

    /// <summary><c>cuDevicePrimaryCtxRetain</c>.</summary>
    public delegate* unmanaged<nint*, int, int> DevicePrimaryCtxRetain { get; private set; }

    /// <summary><c>cuDevicePrimaryCtxRelease_v2</c>.</summary>
    public delegate* unmanaged<int, int> DevicePrimaryCtxRelease { get; private set; }

    /// <summary><c>cuCtxGetCurrent</c>.</summary>
    public delegate* unmanaged<nint*, int> CtxGetCurrent { get; private set; }

    /// <summary><c>cuCtxSetCurrent</c>.</summary>
    public delegate* unmanaged<nint, int> CtxSetCurrent { get; private set; }

    /// <summary><c>cuCtxSynchronize</c>.</summary>
    public delegate* unmanaged<int> CtxSynchronize { get; private set; }

    private void BindDevices()
    {
        Init = (delegate* unmanaged<uint, int>)Required("cuInit");
        DriverGetVersion = (delegate* unmanaged<int*, int>)Required("cuDriverGetVersion");
        GetErrorName = (delegate* unmanaged<int, byte**, int>)Required("cuGetErrorName");
        GetErrorString = (delegate* unmanaged<int, byte**, int>)Required("cuGetErrorString");
        DeviceGetCount = (delegate* unmanaged<int*, int>)Required("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged<int*, int, int>)Required("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged<byte*, int, int, int>)Required("cuDeviceGetName");
        DeviceTotalMem = (delegate* unmanaged<nuint*, int, int>)Required("cuDeviceTotalMem_v2");
        DeviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)Required("cuDeviceGetAttribute");
        DevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, int>)Required("cuDevicePrimaryCtxRetain");
        DevicePrimaryCtxRelease = (delegate* unmanaged<int, int>)Required("cuDevicePrimaryCtxRelease_v2");
        CtxGetCurrent = (delegate* unmanaged<nint*, int>)Required("cuCtxGetCurrent");
        CtxSetCurrent = (delegate* unmanaged<nint, int>)Required("cuCtxSetCurrent");
        CtxSynchronize = (delegate* unmanaged<int>)Required("cuCtxSynchronize");
    }
}
