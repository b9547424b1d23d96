using System.Globalization;
using System.Text;
using ManagedCuda;
using ManagedCuda.BasicTypes;

namespace DilatedKernels.Cuda;

/// <summary>The CUDA driver through ManagedCuda.</summary>
public sealed class ManagedCudaDriver : ICudaDriver
{
    /// <summary>The name that <c>--driver</c> takes.</summary>
    public const string DriverName = "managedcuda";

    private readonly DirectCalls _direct;

    private ManagedCudaDriver(int version, int devices, DirectCalls direct)
    {
        _direct = direct;
        Description = string.Create(
            CultureInfo.InvariantCulture, $"ManagedCuda {typeof(PrimaryContext).Assembly.GetName().Version}, CUDA {version / 1000}.{version % 1000 / 10}");
        DeviceCount = devices;
    }

    /// <inheritdoc/>
    public string Name => DriverName;

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public int DeviceCount { get; }

    /// <summary>Makes this the binding that <see cref="CudaDrivers"/> tries first.</summary>
    public static void Register() => CudaDrivers.Register(DriverName, TryOpen);

    /// <summary>Loads the driver. Never throws.</summary>
    /// <param name="reason">Why it cannot be had, in one line; empty when it can.</param>
    public static ICudaDriver? TryOpen(out string reason)
    {
        // Asked first, because ManagedCuda itself would throw, and name a file of another system.
        if (!CudaLibraries.TryLoadDriver(CudaLibraries.DriverFiles, out nint library, out _, out reason))
        {
            return null;
        }

        NativeNames.Install(library);
        try
        {
            int version = 0;
            int devices = 0;
            ManagedCudaError.Check(DriverAPINativeMethods.cuInit(CUInitializationFlags.None), "cuInit");
            ManagedCudaError.Check(DriverAPINativeMethods.cuDriverGetVersion(ref version), "cuDriverGetVersion");
            ManagedCudaError.Check(DriverAPINativeMethods.DeviceManagement.cuDeviceGetCount(ref devices), "cuDeviceGetCount");
            reason = devices == 0 ? "the driver finds no device" : "";
            return devices == 0 ? null : new ManagedCudaDriver(version, devices, new DirectCalls(library));
        }
        catch (Exception e) when (e is CudaException or DllNotFoundException or EntryPointNotFoundException or TypeInitializationException)
        {
            reason = e.Message.ReplaceLineEndings(" ");
            return null;
        }
    }

    /// <inheritdoc/>
    public CudaDeviceDescription Describe(int ordinal)
    {
        CUdevice device = GetDevice(ordinal);
        byte[] name = new byte[256];
        SizeT memory = 0;
        ManagedCudaError.Check(DriverAPINativeMethods.DeviceManagement.cuDeviceGetName(name, name.Length, device), "cuDeviceGetName");
        ManagedCudaError.Check(DriverAPINativeMethods.DeviceManagement.cuDeviceTotalMem_v2(ref memory, device), "cuDeviceTotalMem");
        return new CudaDeviceDescription(
            ordinal,
            Encoding.UTF8.GetString(name.AsSpan(0, Math.Max(0, name.AsSpan().IndexOf((byte)0)))),
            GetProperty(ordinal, DeviceProperty.ComputeCapabilityMajor),
            GetProperty(ordinal, DeviceProperty.ComputeCapabilityMinor),
            (long)(ulong)memory,
            GetProperty(ordinal, DeviceProperty.Multiprocessors),
            GetProperty(ordinal, DeviceProperty.MaxSharedBytesPerBlock),
            GetProperty(ordinal, DeviceProperty.L2Bytes));
    }

    /// <inheritdoc/>
    public int GetProperty(int ordinal, DeviceProperty property)
    {
        int value = 0;
        ManagedCudaError.Check(
            DriverAPINativeMethods.DeviceManagement.cuDeviceGetAttribute(ref value, (CUDeviceAttribute)(int)property, GetDevice(ordinal)), "cuDeviceGetAttribute");
        return value;
    }

    /// <inheritdoc/>
    public ICudaContext Open(int ordinal)
    {
        CudaDeviceDescription description = Describe(ordinal);
        PrimaryContext context = ManagedCudaError.Guard("cuDevicePrimaryCtxRetain", () => new PrimaryContext(ordinal));
        return new ManagedCudaContext(this, description, context, GetDevice(ordinal), _direct);
    }

    private CUdevice GetDevice(int ordinal)
    {
        if (ordinal < 0 || ordinal >= DeviceCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ordinal), ordinal, $"The driver has {DeviceCount} device{(DeviceCount == 1 ? "" : "s")}, numbered from 0; there is no device {ordinal}.");
        }

        CUdevice device = default;
        ManagedCudaError.Check(DriverAPINativeMethods.DeviceManagement.cuDeviceGet(ref device, ordinal), "cuDeviceGet");
        return device;
    }
}
