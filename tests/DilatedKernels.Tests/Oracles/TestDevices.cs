using DilatedKernels.Backends.Cpu;

namespace DilatedKernels.Tests.Oracles;

/// <summary>
/// The devices that every operator test runs on. New memory holds NaN on each, so that an operator that reads what it never wrote is found out.
/// </summary>
public static class TestDevices
{
    private static readonly (string Name, Device Device)[] Devices =
    [
        ("cpu, 1 thread", Cpu(1)),
        ("cpu, 2 threads", Cpu(2)),
    ];

    /// <summary>For <see cref="TestFixtureSourceAttribute"/>: one fixture a device.</summary>
    public static IEnumerable<TestFixtureData> All => Devices.Select(d => new TestFixtureData(d.Device).SetArgDisplayNames(d.Name));

    internal static Device Cpu(int threads)
    {
        var backend = new CpuBackend(threads);
        backend.Allocator.Poison = true;
        return new Device(backend);
    }
}
