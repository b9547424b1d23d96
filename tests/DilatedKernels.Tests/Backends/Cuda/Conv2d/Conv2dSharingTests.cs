using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>The environment variable is the whole process's, so that nothing else may run.</summary>
[NonParallelizable]
public class Conv2dSharingTests
{
    [TearDown]
    public void Unset() => Environment.SetEnvironmentVariable(Conv2dSharingVariable.Name, null);

    [TestCase(null, nameof(Conv2dSharing.WhereItPays))]
    [TestCase("never", nameof(Conv2dSharing.Never))]
    [TestCase("always", nameof(Conv2dSharing.Always))]
    public void ADeviceDoesAsTheVariableSays(string? value, string sharing)
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        Environment.SetEnvironmentVariable(Conv2dSharingVariable.Name, value);
        using Device device = HostDevice.Open(driver!);
        Assert.That($"{((CudaBackend)device.Backend).Sharing}", Is.EqualTo(sharing));
    }

    [Test]
    public void AnotherValueIsRefusedWithTheOnesThatMayBe()
    {
        Environment.SetEnvironmentVariable(Conv2dSharingVariable.Name, "yes");
        Assert.That(
            Conv2dSharingVariable.Read,
            Throws.TypeOf<CudaUnavailableException>().With.Message.EqualTo(
                "DILATEDKERNELS_CONV_PAIRS is 'never' or 'always', whether blocks of Hopper's convolutions come in pairs, or not set; it was 'yes'."));
    }
}
