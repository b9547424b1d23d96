using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>
/// Every call of the driver fails, at every use that a training makes of it and with every code there is: the failure is an exception that says so, nothing
/// is left behind, and the device goes on where the driver does. Over the stub, whose kernels do nothing.
/// </summary>
[NonParallelizable]
public sealed class DeviceFaultTests
{
    private const int InvalidValue = 1;
    private const int LaunchFailed = 719;

    // CUresult of CUDA 13, and one that nobody knows.
    private static readonly int[] s_codes =
    [
        .. Enumerable.Range(1, 8), 34, 36, 46, .. Enumerable.Range(100, 4), .. Enumerable.Range(200, 28), .. Enumerable.Range(300, 5), 400, 401, 402, 500, 600,
        .. Enumerable.Range(700, 22), .. Enumerable.Range(800, 13), .. Enumerable.Range(900, 17), 999, 4711,
    ];

    private FaultyDriver _driver = null!;
    private bool _isBuilt;

    private FaultyContext Context => _driver.Opened;

    [SetUp]
    public void Open()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        var stub = new StubControl(path);
        stub.Reset();
        stub.AcceptKernels();
        Assert.That(LibCudaDriver.TryOpen([path], out LibCudaDriver? driver, out string reason), Is.True, reason);
        _driver = new FaultyDriver(driver!);
    }

    [Test]
    public void EveryUseOfEveryCallMayFail()
    {
        int uses = CallsOfAWholeLife().Length;
        Assert.That(uses, Is.GreaterThan(150), "there is something to fail");
        foreach (int code in (int[])[InvalidValue, CudaException.OutOfMemory, LaunchFailed])
        {
            for (int index = 0; index < uses; index++)
            {
                LiveThrough(code, index, only: null);
            }
        }
    }

    [Test]
    public void EveryCallMayFailWithEveryCode()
    {
        string[] calls = [.. CallsOfAWholeLife().Distinct()];
        Assert.That(calls, Has.Length.GreaterThan(20));
        foreach (int code in s_codes)
        {
            foreach (string call in calls)
            {
                LiveThrough(code, 0, call);
            }
        }
    }

    [Test]
    public void ALostDeviceSaysSoAtOnceAndForGood([Values] bool driverRemembers)
    {
        using Device device = OpenDevice();
        using Tensor tensor = Tensor.Zeros(device, new Shape(1, 1, 2, 2));
        Context.StaysLost = driverRemembers;
        Context.Fail(700, 0, "Synchronize");
        CudaException first = Assert.Throws<CudaException>(device.Synchronize)!;
        Assert.That(first.IsFatal, Is.True);
        Assert.That(first.Message, Does.Contain("CODE_700").And.Contain("The device is lost to this process"));
        Context.Calls.Clear();
        foreach (Action use in (Action[])
            [device.Synchronize, () => tensor.ToArray(), () => Ops.Add(tensor, tensor), () => Tensor.Zeros(device, Shape.Scalar), () => tensor.SetArray(new float[4])])
        {
            Assert.That(Assert.Throws<CudaException>(() => use())!.Message, Is.EqualTo(first.Message), "what lost it, and not what came of that");
        }

        Assert.That(Context.Calls, Is.Empty, "nothing is asked of it any more");
        Assert.DoesNotThrow(tensor.Dispose);
        Assert.DoesNotThrow(device.Dispose);
    }

    [Test]
    public void MemoryThatTheDriverWouldNotTakeBackIsGivenBackLater()
    {
        using Device device = OpenDevice();
        Tensor tensor = Tensor.Zeros(device, new Shape(1, 1, 2, 2));
        long before = Context.LiveBytes;
        Context.Fail(InvalidValue, 0, "Free", times: 2);
        Assert.DoesNotThrow(tensor.Dispose, "it may be on the way out from another failure");
        Assert.That(Assert.Throws<CudaException>(() => Tensor.Zeros(device, Shape.Scalar))!.Message, Does.StartWith("Free failed"), "twice is too often");
        Tensor.Zeros(device, Shape.Scalar).Dispose();
        Assert.That(Context.LiveBytes, Is.EqualTo(before - 16));
        Assert.That(device.Memory.LiveBuffers, Is.Zero);
    }

    [TestCase("CreateStream")]
    [TestCase("SetPoolThreshold")]
    public void ADeviceThatCannotBeOpenedIsClosedAgain(string call)
    {
        _driver.OnOpen = context => context.Fail(InvalidValue, 0, call);
        Assert.That(OpenDevice, Throws.TypeOf<CudaException>());
        Assert.That(Context.IsDisposed, Is.True);
    }

    private Device OpenDevice() => new(new CudaBackend(_driver.Open(0), new StubImages()));

    private string[] CallsOfAWholeLife()
    {
        Live(() => { });
        return [.. Context.Calls];
    }

    /// <summary>A network is trained as called, recorded and replayed, and read back; then everything goes. Whether steps were recorded, and how many calls came before the end.</summary>
    private (bool WasRecorded, int Calls) Train(Device device)
    {
        _isBuilt = false;
        using var network = new StepNetwork(device, adam: true);
        _isBuilt = true;
        using RecordedStep step = network.Step();
        for (ulong i = 0; i < 4; i++)
        {
            step.Run(i, StepNetwork.Input(i), StepNetwork.Labels(i), StepNetwork.Rate(i));
        }

        network.Everything();
        return (step.IsRecorded, Context.Calls.Count);
    }

    private void Live(Action opened)
    {
        using Device device = OpenDevice();
        opened();
        Context.Calls.Clear();
        Assert.That(Train(device).WasRecorded, Is.True);
    }

    private void LiveThrough(int code, int index, string? only)
    {
        string which = $"code {code}, call {index} {only}";
        Device device = OpenDevice();
        Context.Fail(code, index, only, times: code == CudaException.OutOfMemory && only == "Allocate" ? 2 : 1);
        CudaException? failure = null;
        try
        {
            (bool wasRecorded, int calls) = Train(device);
            if (Context.HasFailed && (only is null ? index : Context.Calls.IndexOf(only)) < calls)
            {
                // Made good: a step that cannot be recorded runs as it is called, and memory is asked for and given back twice.
                string failed = only ?? Context.Calls[index];
                Assert.That(!wasRecorded || failed is "Allocate" or "Free", Is.True, $"{which}: {failed} failed, and nobody said so");
            }
        }
        catch (CudaException e)
        {
            failure = e;
        }
        catch (Exception e) when (e is not AssertionException)
        {
            Assert.Fail($"{which}: {e}");
        }

        which += $" ({Context.Calls.ElementAtOrDefault(index)})";
        Assert.That(Tape.Current, Is.Null, which);
        if (failure is not null)
        {
            Assert.That(failure.Code, Is.EqualTo(code), which);
            Assert.That(failure.Message, Does.Contain($"failed: CODE_{code} ({code}), as asked for."), which);
            Assert.That(failure.Message.Contains("The device is lost to this process", StringComparison.Ordinal), Is.EqualTo(failure.IsFatal), which);
            if (failure.IsFatal)
            {
                Assert.That(() => Tensor.Zeros(device, Shape.Scalar), Throws.TypeOf<CudaException>(), which);
            }
            else
            {
                Context.Heal();
                if (!_isBuilt)
                {
                    // The test's own half-made network, which nobody can dispose.
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                }

                if (only is null)
                {
                    Assert.DoesNotThrow(() => Train(device), $"{which}: the same device goes on");
                }
            }
        }

        Assert.DoesNotThrow(device.Dispose, which);
        if (failure is { IsFatal: false })
        {
            Assert.That(device.Memory.LiveBuffers, Is.Zero, which);
            Assert.That(Context.LiveBytes, Is.Zero, which);
        }
    }
}
