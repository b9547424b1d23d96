using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Recording;
using DilatedKernels.Cuda;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda.Recording;

/// <summary>What a step asks of the driver, counted by a driver whose kernels do nothing.</summary>
[NonParallelizable]
public sealed class RecordedStepStubTests
{
    private static readonly string[] s_waits = ["cuStreamSynchronize", "cuCtxSynchronize", "cuEventSynchronize"];

    private StubControl _stub = null!;
    private Device _device = null!;
    private StepNetwork _network = null!;
    private RecordedStep _step = null!;
    private int _graphs;

    [SetUp]
    public void Open()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        _stub = new StubControl(path);
        Reset();
        Assert.That(LibCudaDriver.TryOpen([path], out LibCudaDriver? driver, out string reason), Is.True, reason);
        _device = new Device(new CudaBackend(driver!.Open(0), new StubImages()));
        _network = new StepNetwork(_device, adam: true);
        _step = _network.Step();
        _device.Synchronize();
        _graphs = _stub.LiveGraphs;
        Reset();
    }

    [TearDown]
    public void Close()
    {
        _stub?.Reset();
        _step?.Dispose();
        _network?.Dispose();
        _device?.Dispose();
    }

    [Test]
    public void AStepThatRunsAsItIsCalledWaitsOnceAfterItsLastLaunch()
    {
        Run(0);
        Assert.That(_step.IsRecorded, Is.False);
        Assert.That(_stub.Count("cuLaunchKernel"), Is.GreaterThan(10));
        ExpectOneWaitAtTheEnd();

        _network.Optimizer.Parameters[0].IsTrainable = false;
        Reset();
        Run(1);
        Assert.That(_step.IsRecorded, Is.False);
        ExpectOneWaitAtTheEnd();
    }

    [Test]
    public void TheStepThatIsRecordedAllocatesOnceAndWaitsOnce()
    {
        Run(0);
        Reset();
        Run(1);
        Assert.That(_step.IsRecorded, Is.True, _step.WhyNotRecorded);
        Assert.That(_stub.Count("cuMemAllocAsync"), Is.EqualTo(1));
        Assert.That(_stub.Count("cuMemFreeAsync"), Is.Zero);
        Assert.That(_stub.Count("cuGraphLaunch"), Is.EqualTo(1));
        Assert.That(_stub.Count("cuStreamSynchronize"), Is.EqualTo(1));
        Assert.That(_stub.Queued, Is.Zero);
    }

    [Test]
    public void AReplayIsEightCalls()
    {
        Run(0);
        Run(1);
        for (ulong step = 2; step < 5; step++)
        {
            Reset();
            Run(step);
            Assert.That(_stub.Count("cuMemcpyHtoDAsync_v2"), Is.EqualTo(3), "input, labels, scalars");
            Assert.That(_stub.Count("cuEventRecord"), Is.EqualTo(2), "behind the two that pass through the ring");
            Assert.That(_stub.Count("cuGraphLaunch"), Is.EqualTo(1));
            Assert.That(_stub.Count("cuMemcpyDtoHAsync_v2"), Is.EqualTo(1), "the loss");
            Assert.That(_stub.Count("cuStreamSynchronize"), Is.EqualTo(1));
            Assert.That(_stub.CountAll(), Is.EqualTo(8));
        }
    }

    [TestCase("cuStreamBeginCapture_v2")]
    [TestCase("cuStreamEndCapture")]
    [TestCase("cuGraphInstantiateWithFlags")]
    [TestCase("cuMemAllocHost_v2")]
    [TestCase("cuLaunchKernel")]
    [TestCase("cuMemsetD32Async")]
    public void ADriverThatRefusesToRecordRunsTheStepAsItIsCalled(string call)
    {
        // Page-locked memory for every upload, so that the next is the recording's.
        for (int i = 0; i < 16; i++)
        {
            _network.First.Value.SetArray(new float[_network.First.Value.Shape.Count]);
        }

        Run(0);
        long live = _device.Memory.LiveBytes;
        Reset();
        _stub.Fail(call, 801);
        Run(1);
        Assert.That(_stub.Count("cuLaunchKernel"), Is.GreaterThan(10));
        Assert.That(_step.IsRecorded, Is.False);
        Assert.That(_step.WhyNotRecorded, Does.StartWith(call.Replace("_v2", "", StringComparison.Ordinal)));
        Assert.That(_device.Memory.LiveBytes, Is.EqualTo(live));
        Assert.That(_stub.LiveGraphs, Is.EqualTo(_graphs));
        Reset();
        Run(2);
        Assert.That(_stub.Count("cuStreamBeginCapture_v2"), Is.Zero);
        ExpectOneWaitAtTheEnd();
    }

    /// <summary>What a step does besides its launches, waiting and copying, must not come into what another thread records.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void AnotherThreadsStepWaitsForTheEndOfARecording(bool disposes)
    {
        Run(0);
        Run(1);
        Assert.That(_step.IsRecorded);
        using var network = new StepNetwork(_device, adam: true);
        using var isRecording = new SemaphoreSlim(0);
        int calls = 0;
        using RecordedStep other = network.Step(onCall: () =>
        {
            if (++calls == 2)
            {
                isRecording.Release();
                // Long enough for the other thread to come as far as it gets.
                Thread.Sleep(300);
            }
        });
        var beside = Task.Run(() =>
        {
            isRecording.Wait();
            if (disposes)
            {
                _step.Dispose();
            }
            else
            {
                ((CudaStepRecorder)_step.Recorder!).Replay(new StepScalars(0.1f, 3, StepNetwork.Seed, 2, network.FixedLabels));
            }
        });
        RunOther(0);
        Reset();
        RunOther(1);
        Assert.That(other.WhyNotRecorded, Is.Null);
        Assert.That(other.IsRecorded);
        Assert.That(beside.Wait(TimeSpan.FromSeconds(60)));
        Assert.That(_stub.UploadsCaptured, Is.Zero);

        void RunOther(ulong step) => other.Run(step, StepNetwork.Input(step), StepNetwork.Labels(step), StepNetwork.Rate(step));
    }

    [Test]
    public void WithoutRoomForARecordingTheStepRunsAsItIsCalled()
    {
        Run(0);
        Run(1);
        long bytes = ((CudaStepRecorder)_step.Recorder!).MemoryBytes;
        _step.Dispose();
        _step = _network.Step();
        Run(0);
        Reset();

        // The step as it is called has no tables of its own and no alignment to keep.
        _stub.SetMemoryLimit(_stub.MemoryUsed + (ulong)bytes - 1);
        Run(1);
        Assert.That(_step.WhyNotRecorded, Does.StartWith("cuMemAllocAsync failed: CUDA_ERROR_OUT_OF_MEMORY"));
        Assert.That(_stub.Count("cuLaunchKernel"), Is.GreaterThan(10));
    }

    [Test]
    public void AFaultNamesTheRecordedStep()
    {
        Run(0);
        Run(1);
        _stub.Fail("cuStreamSynchronize", 700);
        CudaException e = Assert.Throws<CudaException>(() => Run(2))!;
        Assert.That(e.Message, Does.Match(@"In flight, oldest first: a recorded step of \d+ kernels\."));
        _stub.LoseDevice(700);
        Assert.DoesNotThrow(_step.Dispose);
        Assert.DoesNotThrow(_device.Dispose);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void GraphsAndMemoryGoWithTheStepOrTheDevice(bool stepFirst)
    {
        Run(0);
        Run(1);
        Run(2);
        if (stepFirst)
        {
            _step.Dispose();
            Assert.That(_stub.LiveGraphs, Is.EqualTo(_graphs));
            Assert.That(_stub.Count("cuMemFreeHost"), Is.EqualTo(1));
        }

        _device.Dispose();
        Assert.That(_stub.LiveGraphs, Is.EqualTo(_graphs));
        _step.Dispose();
        Assert.That(_stub.LiveGraphs, Is.EqualTo(_graphs));
    }

    private void Run(ulong step) => _step.Run(step, StepNetwork.Input(step), StepNetwork.Labels(step), StepNetwork.Rate(step));

    private void Reset()
    {
        _stub.Reset();
        _stub.AcceptKernels();
    }

    private void ExpectOneWaitAtTheEnd()
    {
        Assert.That(s_waits.Sum(_stub.Count), Is.EqualTo(1));
        Assert.That(_stub.Count("cuMemcpyDtoHAsync_v2"), Is.EqualTo(1));
        Assert.That(_stub.Queued, Is.Zero, "launches and copies after the wait");
    }
}
