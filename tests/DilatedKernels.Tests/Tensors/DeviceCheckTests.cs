using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Tensors;

[NonParallelizable]
public sealed class DeviceCheckTests
{
    [TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
    public sealed class OnEveryDevice(Device device)
    {
        [Test]
        public void FindsNothingWrong() => Assert.That(DeviceCheck.Run(device), Is.Null);
    }

    [TestCase(1f, null)]
    [TestCase(1.00001f, null)]
    [TestCase(1.001f, "3 training steps in float32 gave b with a relative error of 0.0005 ")]
    [TestCase(float.NaN, "3 training steps in float32 gave b with a relative error of NaN ")]
    public void ComparesByRelativeError(float value, string? expected)
    {
        string? wrong = DeviceCheck.Compare("3 training steps in float32", 1e-4, [("a", [5]), ("b", [1, 1, 1, 1])], [("a", [5]), ("b", [1, 1, 1, value])]);
        Assert.That(wrong, expected is null ? Is.Null : Does.StartWith(expected));
    }

    // The stub driver has no kernel but one.
    [Test]
    public void ReportsADeviceThatTheKernelsDoNotFit()
    {
        using Device device = OpenStub(out _);
        Assert.That(DeviceCheck.Run(device), Does.Contain("has no kernel 'conv2d_fprop_f32").And.Contain("Stub GPU 0"));
    }

    [Test]
    public void ReportsAFaultOfTheDevice()
    {
        using Device device = OpenStub(out StubControl stub);
        stub.Fail("cuModuleLoadDataEx", 719);
        Assert.That(DeviceCheck.Run(device), Does.Contain("CUDA_ERROR_LAUNCH_FAILED"));
    }

    private static Device OpenStub(out StubControl stub)
    {
        string path = StubLibrary.Build("cuda_stub.c");
        stub = new StubControl(path);
        stub.Reset();
        Assert.That(LibCudaDriver.TryOpen([path], out LibCudaDriver? driver, out string reason), Is.True, reason);
        return new Device(new CudaBackend(driver!.Open(0), new StubImages()));
    }
}
