using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

/// <summary>The libcuda binding over the stub driver: the contract, and what only a driver that fails on request can show.</summary>
[TestFixture]
public sealed unsafe class LibCudaStubTests : CudaDriverContract
{
    private StubControl _stub = null!;
    private string? _cublas;

    protected override ReadOnlySpan<byte> KernelImage => "stub"u8;

    [SetUp]
    public void UseStubCublas()
    {
        _cublas = Environment.GetEnvironmentVariable(CudaLibraries.CublasVariable);
        Environment.SetEnvironmentVariable(CudaLibraries.CublasVariable, StubLibrary.Build("cublas_stub.c"));
    }

    [TearDown]
    public void Reset()
    {
        _stub?.Reset();
        Environment.SetEnvironmentVariable(CudaLibraries.CublasVariable, _cublas);
    }

    [Test]
    public void NamesCodeCallAndDriverText()
    {
        _stub.Fail("cuStreamSynchronize", 719);
        CudaException e = Assert.Throws<CudaException>(() => Context.Synchronize(Stream))!;
        Assert.That(e.Code, Is.EqualTo(719));
        Assert.That(e.Name, Is.EqualTo("CUDA_ERROR_LAUNCH_FAILED"));
        Assert.That(e.DriverText, Is.EqualTo("unspecified launch failure"));
        Assert.That(e.Call, Is.EqualTo("cuStreamSynchronize"));
        Assert.That(e.IsFatal, Is.True);
        Assert.That(e.Message, Is.EqualTo("cuStreamSynchronize failed: CUDA_ERROR_LAUNCH_FAILED (719), unspecified launch failure. The device is lost to this process: only a new process can use it again."));
    }

    [Test]
    public void CodesWithoutANameAreStillReported()
    {
        _stub.Fail("cuStreamSynchronize", 987);
        CudaException e = Assert.Throws<CudaException>(() => Context.Synchronize(Stream))!;
        Assert.That(e.Message, Does.Contain("CUDA error 987"));
    }

    [Test]
    public void AnEventHasHappenedWhenWhatWasQueuedBeforeItIsDone()
    {
        EventHandle passed = Context.CreateEvent(timing: false);
        Assert.That(Context.HasHappened(passed), Is.True, "never recorded");
        Context.Record(passed, Stream);
        Assert.That(Context.HasHappened(passed), Is.False);
        Context.Synchronize(passed);
        Assert.That(Context.HasHappened(passed), Is.True);
    }

    [TestCase("cuMemAllocAsync")]
    [TestCase("cuMemFreeAsync")]
    [TestCase("cuMemcpyHtoDAsync_v2")]
    [TestCase("cuMemcpyDtoHAsync_v2")]
    [TestCase("cuMemcpyDtoDAsync_v2")]
    [TestCase("cuMemsetD32Async")]
    [TestCase("cuLaunchKernel")]
    [TestCase("cuStreamCreate")]
    [TestCase("cuEventCreate")]
    [TestCase("cuEventRecord")]
    [TestCase("cuEventQuery")]
    [TestCase("cuStreamBeginCapture_v2")]
    [TestCase("cuStreamEndCapture")]
    [TestCase("cuGraphInstantiateWithFlags")]
    [TestCase("cuGraphLaunch")]
    [TestCase("cuMemAllocHost_v2")]
    [TestCase("cuCtxSetCurrent")]
    public void EveryFailureBecomesAnException(string call)
    {
        FunctionHandle add = GetAdd();
        _stub.Fail(call, 719);
        CudaException e = Assert.Throws<CudaException>(() =>
        {
            DevicePointer memory = Upload(Values(8));
            Context.Fill(memory, 0, 8, Stream);
            Context.CopyOnDevice(memory, memory, 0, Stream);
            Launch(add, new LaunchConfiguration(new Dim3(1), new Dim3(8), 0, Stream), memory, memory, memory, 8);
            Download(memory, 8);
            StreamHandle stream = Context.CreateStream();
            EventHandle passed = Context.CreateEvent(timing: false);
            Context.Record(passed, stream);
            Context.HasHappened(passed);
            Context.BeginCapture(stream);
            Context.Launch(Context.Instantiate(Context.EndCapture(stream)), stream);
            Context.FreePinned(Context.AllocatePinned(8));
            Context.Free(memory, stream);
        })!;
        Assert.That(call, Does.StartWith(e.Call));
        Assert.That(e.Code, Is.EqualTo(719));
    }

    [Test]
    public void MemoryThatRunsOutNamesWhatIsLeft()
    {
        _stub.SetMemoryLimit(_stub.MemoryUsed + 1000);
        CudaException e = Assert.Throws<CudaException>(() => Context.Allocate(1001, Stream))!;
        Assert.That(e.Message, Does.Contain("1001 bytes were asked for").And.Contain("1000 of the device's"));
    }

    [Test]
    public void ALostDeviceFailsEveryCallAndStillCloses()
    {
        DevicePointer memory = Upload(Values(8));
        _stub.LoseDevice(719);
        Assert.Throws<CudaException>(() => Context.Free(memory, Stream));
        Assert.Throws<CudaException>(() => Context.Synchronize());
        Assert.DoesNotThrow(Context.Dispose);
    }

    [Test]
    public void AFaultInAKernelComesOutAtTheNextSynchronisation()
    {
        KernelModuleHandle module = Context.LoadModule(KernelImage);
        Assert.That(Context.TryGetFunction(module, "contract_fault", out FunctionHandle fault), Is.True);
        Launch(fault, new LaunchConfiguration(new Dim3(1), new Dim3(1), 0, Stream), default, default, default, 0);
        CudaException e = Assert.Throws<CudaException>(() => Context.Synchronize(Stream))!;
        Assert.That(e.Name, Is.EqualTo("CUDA_ERROR_ILLEGAL_ADDRESS"));
        Assert.That(e.IsFatal, Is.True);
    }

    [Test]
    public void ADamagedImageCarriesTheCompilersLog()
    {
        CudaException e = Assert.Throws<CudaException>(() => Context.LoadModule("?"u8))!;
        Assert.That(e.Message, Does.Contain("Unsupported .version 9.9").And.Contain("Stub GPU 0"));
    }

    [Test]
    public void LaunchAttributesReachTheDriver()
    {
        var configuration = new LaunchConfiguration(new Dim3(4, 2), new Dim3(32, 2), 16, Stream) { Cluster = new Dim3(2), OverlapsPredecessor = true };
        DevicePointer memory = Upload(Values(8));
        Launch(GetAdd(), configuration, memory, memory, memory, 8);
        Assert.That(_stub.LastLaunch(), Is.EqualTo(new uint[] { 4, 2, 1, 32, 2, 1, 16, 2, 1, 1, 1 }));
        Assert.That(_stub.Count("cuLaunchKernel"), Is.Zero);

        Launch(GetAdd(), configuration with { Cluster = default, OverlapsPredecessor = false }, memory, memory, memory, 8);
        Assert.That(_stub.LastLaunch(), Is.EqualTo(new uint[] { 4, 2, 1, 32, 2, 1, 16, 0, 0, 0, 0 }));
        Assert.That(_stub.Count("cuLaunchKernel"), Is.EqualTo(1));
    }

    [Test]
    public void TensorMapArgumentsReachTheDriverInOrder()
    {
        DevicePointer memory = Context.Allocate(4096, Stream);
        var description = new TensorMapDescription
        {
            Address = memory,
            Type = TensorMapType.BFloat16,
            Extents = [16, 8, 4, 2],
            Strides = [64, 512, 2048],
            Swizzle = TensorMapSwizzle.Bytes128,
            Promotion = TensorMapPromotion.Bytes256,
        };
        TensorMap tiled = Context.EncodeTiled(description, [16, 4, 4, 1]);
        Assert.That(((ReadOnlySpan<ulong>)tiled)[..8].ToArray(), Is.EqualTo(new ulong[] { 9, 4, memory.Value, 2, 2048, 1, 3, 3 }));
        TensorMap im2col = Context.EncodeIm2col(description, [0, -3], [0, 5], 16, 64);
        Assert.That(
            ((ReadOnlySpan<ulong>)im2col)[..11].ToArray(),
            Is.EqualTo(new ulong[] { 9, 4, memory.Value, 2, 2048, unchecked((ulong)-3), 5, 16, 64, 3, 3 }));
    }

    [Test]
    public void TheHotPathDoesNotSetTheContextAgain()
    {
        DevicePointer memory = Upload(Values(8));
        FunctionHandle add = GetAdd();
        long before = _stub.Count("cuCtxSetCurrent");
        for (int i = 0; i < 10; i++)
        {
            Launch(add, new LaunchConfiguration(new Dim3(1), new Dim3(8), 0, Stream), memory, memory, memory, 8);
        }

        Assert.That(_stub.Count("cuCtxSetCurrent"), Is.EqualTo(before));
    }

    [Test]
    public void AnotherLibrarysContextDoesNotStay()
    {
        DevicePointer memory = Upload(Values(8));
        FunctionHandle add = GetAdd();
        _stub.LeaveContext();
        Launch(add, new LaunchConfiguration(new Dim3(1), new Dim3(8), 0, Stream), memory, memory, memory, 8);
        _stub.LeaveContext();
        Assert.That(() => Context.SetProperty(add, FunctionProperty.MaxDynamicSharedBytes, 64 << 10), Throws.Nothing);
    }

    [Test]
    public void ContextsOfTwoDevicesTakeTurns()
    {
        using ICudaContext other = Driver.Open(1);
        Assert.That(other.Device.Name, Is.EqualTo("Stub GPU 1"));
        DevicePointer there = other.Allocate(16, default);
        DevicePointer here = Context.Allocate(16, Stream);
        other.Free(there, default);
        Context.Free(here, Stream);
        Assert.That(other.Handle, Is.Not.EqualTo(Context.Handle));
    }

    [Test]
    public void ACublasThatDoesNotStartIsNamed()
    {
        string refusing = StubLibrary.Build("cublas_stub.c", "STUB_REFUSES");
        Environment.SetEnvironmentVariable(CudaLibraries.CublasVariable, refusing);
        Assert.That(Context.OpenGemm(out string reason), Is.Null);
        Assert.That(reason, Does.Contain(refusing).And.Contain("not initialized"));

        Environment.SetEnvironmentVariable(CudaLibraries.CublasVariable, "/nowhere/libcublas.so");
        Assert.That(Context.OpenGemm(out reason), Is.Null);
        Assert.That(reason, Does.Contain("/nowhere/libcublas.so").And.Contain(CudaLibraries.CublasVariable));
    }

    protected override ICudaDriver OpenDriver()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        _stub = new StubControl(path);
        _stub.Reset();
        Assert.That(LibCudaDriver.TryOpen([path], out LibCudaDriver? driver, out string reason), Is.True, reason);
        return driver!;
    }
}
