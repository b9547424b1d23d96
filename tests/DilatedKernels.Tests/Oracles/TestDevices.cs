using System.Globalization;
using DilatedKernels.Backends.Cpu;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Oracles;

/// <summary>
/// The devices that every operator test runs on: the processor, the GPU path with its kernels compiled for the processor, and a GPU where
/// there is one. New memory holds NaN on the first two, so that an operator that reads what it never wrote is found out.
/// </summary>
public static class TestDevices
{
    /// <summary>The environment variables that choose which build of the kernels for the processor runs, plain by default, and in which order of threads and blocks.</summary>
    public const string HostBuildVariable = "DILATEDKERNELS_HOST_BUILD";
    public const string HostOrderVariable = "DILATEDKERNELS_HOST_ORDER";

    private const string HostName = "host";

    private static readonly string HostReason;
    private static readonly Device? OpenedHost = OpenHost(out HostReason);

    /// <summary>For <see cref="TestFixtureSourceAttribute"/>: one fixture a device. One that is not there is skipped with the reason.</summary>
    public static IEnumerable<TestFixtureData> All
    {
        get
        {
            yield return Fixture("cpu, 1 thread", Cpu(1));
            yield return Fixture("cpu, 2 threads", Cpu(2));
            yield return OpenedHost is null ? Missing(HostName, BuildPart.Host, HostReason) : Fixture(HostName, OpenedHost);
            if (CudaDevices.List() is { Devices.Count: > 0, Reason: "" })
            {
                TestFixtureData gpu = Fixture("cuda", Device.CreateCuda());
                gpu.Properties.Add("Category", "Gpu");
                yield return gpu;
            }
        }
    }

    /// <summary>True for the kernels compiled for the processor, which are some hundred times slower than either of the others.</summary>
    public static bool IsHost(Device device) => device == OpenedHost;

    internal static Device Cpu(int threads)
    {
        var backend = new CpuBackend(threads);
        backend.Allocator.Poison = true;
        return new Device(new WideningBackend(backend));
    }

    private static Device? OpenHost(out string reason)
    {
        HostDriver? driver = HostDriver.TryOpen(Environment.GetEnvironmentVariable(HostBuildVariable) ?? "plain", out reason);
        if (Environment.GetEnvironmentVariable(HostOrderVariable) is { } order)
        {
            driver?.SetSeed(long.Parse(order, CultureInfo.InvariantCulture));
        }

        return driver is null ? null : HostDevice.Open(driver);
    }

    private static TestFixtureData Fixture(string name, Device device) => new TestFixtureData(device).SetArgDisplayNames(name);

    private static TestFixtureData Missing(string name, string part, string reason)
    {
        BuildPart.ThrowIfRequired(part, reason);
        TestFixtureData fixture = Fixture(name, Device.Cpu);
        fixture.RunState = NUnit.Framework.Interfaces.RunState.Ignored;
        fixture.Properties.Set("_SKIPREASON", reason);
        return fixture;
    }
}
