using System.Globalization;
using System.Runtime.InteropServices;

namespace DilatedKernels.Cuda;

/// <summary>
/// The driver's own library called directly, with no dependency: <c>libcuda.so.1</c> or <c>libcuda.so</c>, <c>nvcuda.dll</c> on Windows,
/// or the one file that <see cref="CudaLibraries.DriverVariable"/> names.
/// </summary>
public sealed unsafe class LibCudaDriver : ICudaDriver
{
    internal const string DriverName = "libcuda";

    private readonly LibCudaApi _api;

    private LibCudaDriver(LibCudaApi api, string file, int version, int devices)
    {
        _api = api;
        Description = string.Create(CultureInfo.InvariantCulture, $"{file}, CUDA {version / 1000}.{version % 1000 / 10}");
        DeviceCount = devices;
    }

    /// <inheritdoc/>
    public string Name => DriverName;

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public int DeviceCount { get; }

    /// <summary>Whether a driver and at least one device are there. Never throws.</summary>
    /// <param name="reason">Why not, in one line; empty when they are.</param>
    public static bool IsAvailable(out string reason) => TryOpen(out _, out reason);

    /// <summary>Loads the driver. Never throws.</summary>
    /// <param name="driver">The driver, when it and at least one device are there.</param>
    /// <param name="reason">Why not, in one line; empty when they are.</param>
    public static bool TryOpen(out LibCudaDriver? driver, out string reason) =>
        TryOpen(CudaLibraries.DriverFiles, out driver, out reason);

    /// <inheritdoc/>
    public CudaDeviceDescription Describe(int ordinal)
    {
        int device = GetDevice(ordinal);
        byte* name = stackalloc byte[256];
        nuint memory = 0;
        Check(_api.DeviceGetName(name, 256, device), "cuDeviceGetName");
        Check(_api.DeviceTotalMem(&memory, device), "cuDeviceTotalMem");
        return new CudaDeviceDescription(
            ordinal,
            Marshal.PtrToStringUTF8((nint)name) ?? "",
            GetProperty(ordinal, DeviceProperty.ComputeCapabilityMajor),
            GetProperty(ordinal, DeviceProperty.ComputeCapabilityMinor),
            (long)memory,
            GetProperty(ordinal, DeviceProperty.Multiprocessors),
            GetProperty(ordinal, DeviceProperty.MaxSharedBytesPerBlock),
            GetProperty(ordinal, DeviceProperty.L2Bytes));
    }

    /// <inheritdoc/>
    public int GetProperty(int ordinal, DeviceProperty property)
    {
        int value = 0;
        Check(_api.DeviceGetAttribute(&value, (int)property, GetDevice(ordinal)), "cuDeviceGetAttribute");
        return value;
    }

    /// <inheritdoc/>
    public ICudaContext Open(int ordinal)
    {
        CudaDeviceDescription description = Describe(ordinal);
        int device = GetDevice(ordinal);
        Check(PrimaryContextHandle.Retain(_api, device, out PrimaryContextHandle? context), "cuDevicePrimaryCtxRetain", description.Name);
        try
        {
            return new LibCudaContext(this, _api, description, device, context!);
        }
        catch
        {
            context!.Dispose();
            throw;
        }
    }

    internal static bool TryOpen(IReadOnlyList<string> files, out LibCudaDriver? driver, out string reason)
    {
        driver = null;
        if (!CudaLibraries.TryLoadDriver(files, out nint library, out string file, out reason))
        {
            return false;
        }

        LibCudaApi api = LibCudaApi.Bind(library, out IReadOnlyList<string> missing);
        if (missing.Count > 0)
        {
            reason = $"{file} lacks {string.Join(", ", missing)}: the driver is too old, CUDA 11.4 is the oldest that serves";
            return false;
        }

        int version = 0;
        int devices = 0;
        int code = api.Init(0);
        string call = "cuInit";
        if (code == 0)
        {
            call = "cuDriverGetVersion";
            code = api.DriverGetVersion(&version);
        }

        if (code == 0)
        {
            call = "cuDeviceGetCount";
            code = api.DeviceGetCount(&devices);
        }

        if (code != 0 || devices == 0)
        {
            (string name, string text) = api.Describe(code);
            reason = code == 0 ? $"{file} finds no device" : $"{file} does not start: {call} returned {name} ({code}), {text}";
            return false;
        }

        driver = new LibCudaDriver(api, file, version, devices);
        reason = "";
        return true;
    }

    private int GetDevice(int ordinal)
    {
        if (ordinal < 0 || ordinal >= DeviceCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ordinal), ordinal, $"The driver has {DeviceCount} device{(DeviceCount == 1 ? "" : "s")}, numbered from 0; there is no device {ordinal}.");
        }

        int device = 0;
        Check(_api.DeviceGet(&device, ordinal), "cuDeviceGet");
        return device;
    }

    private void Check(int code, string call, string? detail = null)
    {
        if (code != 0)
        {
            (string name, string text) = _api.Describe(code);
            throw new CudaException(code, name, text, call, detail: detail);
        }
    }
}
