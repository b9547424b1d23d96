using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Host;

/// <summary>
/// The kernels compiled for the CPU behind the driver seam, so that the whole GPU path runs on any machine. It shows itself as one device
/// with Hopper's limits. Everything is done when a call returns, except what is recorded into a graph.
/// </summary>
internal sealed class HostDriver : ICudaDriver
{
    /// <summary>What the device claims to have; more is out of memory.</summary>
    public const long MemoryBytes = 16L << 30;

    private const int SharedBytes = 227 << 10;

    private readonly HostApi _api;

    private HostDriver(HostApi api) => _api = api;

    public string Name => "host";

    public string Description => $"kernels compiled for the CPU, {_api.Build} build";

    public int DeviceCount => 1;

    /// <summary>The compute capability that kernels are chosen for, as 10·major + minor.</summary>
    public int Architecture { get; set; } = 90;

    /// <summary>The multiprocessors that it claims to have.</summary>
    public int Multiprocessors { get; set; } = 132;

    /// <summary>The PCI bus that it claims to be on: devices on different ones are different GPUs; −1 for none.</summary>
    public int PciBus { get; set; } = -1;

    /// <summary>Whether there is a matrix product, as cuBLAS is on a GPU.</summary>
    public bool HasGemm { get; set; }

    /// <summary>Opens a build of the library; null and the reason where it was not made.</summary>
    public static HostDriver? TryOpen(string build, out string reason) => HostApi.TryLoad(build, out reason) is { } api ? new HostDriver(api) : null;

    /// <summary>The order in which threads and blocks run: 0 ascending, 1 descending, above that random.</summary>
    public unsafe void SetSeed(long seed) => Assert.That(_api.SetOption(0, seed), Is.Zero, _api.LastError);

    /// <summary>How many threads share a launch's blocks; 0 for one a processor.</summary>
    public unsafe void SetThreads(int threads) => Assert.That(_api.SetOption(1, threads), Is.Zero, _api.LastError);

    public CudaDeviceDescription Describe(int ordinal) => new(
        ordinal, "CPU", GetProperty(ordinal, DeviceProperty.ComputeCapabilityMajor), GetProperty(ordinal, DeviceProperty.ComputeCapabilityMinor),
        MemoryBytes, GetProperty(ordinal, DeviceProperty.Multiprocessors), SharedBytes, GetProperty(ordinal, DeviceProperty.L2Bytes));

    public int GetProperty(int ordinal, DeviceProperty property)
    {
        if (ordinal != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(ordinal), ordinal, $"The host driver has 1 device, numbered from 0; there is no device {ordinal}.");
        }

        return property switch
        {
            DeviceProperty.MaxThreadsPerBlock => 1024,
            DeviceProperty.MaxGridX => int.MaxValue,
            DeviceProperty.MaxGridY or DeviceProperty.MaxGridZ => ushort.MaxValue,
            DeviceProperty.SharedBytesPerBlock => HostContext.SharedBytesWithoutOptIn,
            DeviceProperty.WarpSize => 32,
            DeviceProperty.PciBus => PciBus,
            DeviceProperty.PciDevice or DeviceProperty.PciDomain => 0,
            DeviceProperty.ClockKilohertz => 1_980_000,
            DeviceProperty.Multiprocessors => Multiprocessors,
            DeviceProperty.MemoryClockKilohertz => 3_201_000,
            DeviceProperty.MemoryBusBits => 6144,
            DeviceProperty.L2Bytes => 60 << 20,
            DeviceProperty.MaxThreadsPerMultiprocessor => 2048,
            DeviceProperty.ComputeCapabilityMajor => Architecture / 10,
            DeviceProperty.ComputeCapabilityMinor => Architecture % 10,
            DeviceProperty.SharedBytesPerMultiprocessor => 228 << 10,
            DeviceProperty.RegistersPerMultiprocessor => 1 << 16,
            DeviceProperty.MaxSharedBytesPerBlock => SharedBytes,
            DeviceProperty.MemoryPools => 1,
            DeviceProperty.TensorMaps => Architecture >= 90 ? 1 : 0,
            DeviceProperty.ClusterLaunch => Architecture >= 90 ? 1 : 0,
            _ => throw new ArgumentOutOfRangeException(nameof(property), property, "The host driver does not know this property."),
        };
    }

    public ICudaContext Open(int ordinal) => new HostContext(this, _api, Describe(ordinal));
}
