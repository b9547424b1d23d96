using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

[NonParallelizable]
public sealed class CudaDriversTests
{
    private string? _library;

    [SetUp]
    public void Remember() => _library = Environment.GetEnvironmentVariable(CudaLibraries.DriverVariable);

    [TearDown]
    public void Restore() => Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, _library);

    [Test]
    public void TheVariableChoosesTheLibrary()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        new StubControl(path).Reset();
        Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, path);
        ICudaDriver driver = CudaDrivers.Select("LibCuda");
        Assert.That(driver.Name, Is.EqualTo("libcuda"));
        Assert.That(driver.Description, Is.EqualTo($"{path}, CUDA 12.4"));

        CudaDevices devices = CudaDevices.List("libcuda");
        Assert.That(devices.Devices.Select(d => d.Name), Is.EqualTo(new[] { "Stub GPU 0", "Stub GPU 1" }));
        Assert.That(devices.Driver, Is.EqualTo($"libcuda ({path}, CUDA 12.4)"));
        Assert.That(devices.Reason, Is.EqualTo(EmbeddedKernels.Present ? "" : EmbeddedKernels.HowToGet));
        Assert.That(devices.Devices[1].ToString(), Is.EqualTo("cuda:1 Stub GPU 1, sm_90, 132 multiprocessors, 1.0 GiB"));
    }

    [Test]
    public void WithoutADriverTheReasonIsOneLineForEachBinding()
    {
        Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, "/nowhere/libcuda.so");
        CudaUnavailableException e = Assert.Throws<CudaUnavailableException>(() => CudaDrivers.Select("libcuda"))!;
        Assert.That(e.Message, Does.StartWith("No CUDA device can be used: libcuda: no NVIDIA driver was found (tried /nowhere/libcuda.so;"));
        CudaDevices devices = CudaDevices.List("libcuda");
        Assert.That(devices.Devices, Is.Empty);
        Assert.That(devices.Driver, Is.Null);
        Assert.That(devices.Reason, Does.StartWith("libcuda: ").And.Not.Contain("\n"));
    }

    [Test]
    public void AnUnknownNameListsTheKnownOnes()
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() => CudaDrivers.Select("opencl"))!;
        Assert.That(e.Message, Does.Contain("'opencl'").And.Contain("libcuda"));
    }

    [Test]
    public void ADeviceThatIsNotThereCannotBeCreated()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        new StubControl(path).Reset();
        Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, path);
        CudaUnavailableException e = Assert.Throws<CudaUnavailableException>(() => Device.CreateCuda(2, "libcuda"))!;
        Assert.That(e.Message, Does.StartWith("There is no device cuda:2; libcuda (").And.EndWith("has 2, numbered from 0."));
        Assert.Throws<ArgumentOutOfRangeException>(() => Device.CreateCuda(-1));
    }

    [Test]
    public void ALostDeviceIsAReasonAndNotAnException()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        var stub = new StubControl(path);
        stub.Reset();
        Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, path);
        try
        {
            stub.Fail("cuDeviceGetName", 719);
            CudaDevices devices = CudaDevices.List("libcuda");
            Assert.That(devices.Devices, Is.Empty);
            Assert.That(devices.Reason, Does.Contain("cuDeviceGetName failed"));
        }
        finally
        {
            stub.Reset();
        }
    }
}
