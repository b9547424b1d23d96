using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;
using ManagedCuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

/// <summary>
/// The ManagedCuda binding over the stub driver. Compiled only where the build found the packages. ManagedCuda loads its libraries once a
/// process, so the stub is chosen before anything else of it is touched, and a GPU cannot be used beside it.
/// </summary>
public sealed class ManagedCudaStubTests : CudaDriverContract
{
    protected override ReadOnlySpan<byte> KernelImage => "stub"u8;

    [Test]
    public void TensorsAndDeviceVariablesShareMemory()
    {
        using var device = new Device(new CudaBackend(Driver.Open(0), new StubImages()));
        using Tensor tensor = Tensor.FromChannelsLast(device, new Shape(1, 2, 1, 2), [1, 2, 3, 4]);
        device.Synchronize();
        CudaDeviceVariable<float> variable = tensor.AsDeviceVariable();
        Assert.That((long)variable.Size, Is.EqualTo(4));
        Assert.That((ulong)variable.DevicePointer.Pointer, Is.EqualTo(CudaInterop.GetPointer(tensor).Value));

        using Tensor back = variable.AsTensor(device, new Shape(4, 1, 1, 1));
        Assert.That(back.ToChannelsLast(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        back.SetChannelsLast([5, 6, 7, 8]);
        Assert.That(tensor.ToChannelsLast(), Is.EqualTo(new float[] { 5, 6, 7, 8 }));
        ArgumentException e = Assert.Throws<ArgumentException>(() => variable.AsTensor(device, new Shape(5, 1, 1, 1)))!;
        Assert.That(e.Message, Does.Contain("has 5 elements, but the device variable has 4"));
        Assert.That(ManagedCudaTensors.GetStream(device).Stream.Pointer, Is.EqualTo(CudaInterop.GetStream(device).Value));
    }

    [Test]
    public void RegistersBeforeLibcuda()
    {
        ManagedCudaDriver.Register();
        Assert.That(CudaDrivers.Names, Is.EqualTo(new[] { "managedcuda", "libcuda" }));
    }

    protected override ICudaDriver OpenDriver()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        new StubControl(path).Reset();
        Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, path);
        Environment.SetEnvironmentVariable(CudaLibraries.CublasVariable, StubLibrary.Build("cublas_stub.c"));
        try
        {
            ICudaDriver? driver = ManagedCudaDriver.TryOpen(out string reason);
            Assert.That(driver, Is.Not.Null, reason);

            // cuBLAS is loaded at its first use.
            using ICudaContext context = driver!.Open(0);
            context.OpenGemm(out _)?.Dispose();
            return driver;
        }
        finally
        {
            Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, null);
            Environment.SetEnvironmentVariable(CudaLibraries.CublasVariable, null);
        }
    }
}
