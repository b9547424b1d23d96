using DilatedKernels.Backends.Cuda.Recording;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;
using DilatedKernels.Tests.Tensors;

namespace DilatedKernels.Tests.Optim;

/// <summary>What recorded steps take of a device's memory, and how they end.</summary>
[NonParallelizable]
public sealed class RecordedStepMemoryTests : RecordedStepFixture
{
    [Test]
    public void ARecordingTakesLittleMoreMemoryThanTheStepAsCalled()
    {
        using (var net = new StepNetwork(Device, adam: true))
        {
            for (ulong i = 0; i < 3; i++)
            {
                using Tape tape = Tape.Record();
                using Tensor x = Tensor.FromChannelsLast(Device, StepNetwork.InputShape, StepNetwork.Input(i));
                Tensor loss = net.Loss(x, net.FixedLabels, ForwardContext.Training(StepNetwork.Seed, i));
                tape.Backward(loss);
                net.Optimizer.Step(StepNetwork.Rate(i));
                net.Optimizer.ClearGradients();
            }
        }

        long called = Device.Memory.PeakBytes;
        Device.Dispose();
        Device = HostDevice.Open(Driver);
        Train(adam: true, steps: 3, record: true);
        TestContext.Out.WriteLine($"At most {called} bytes as called, {Device.Memory.PeakBytes} recorded.");
        Assert.That(Device.Memory.PeakBytes, Is.InRange(called, 1.25 * called));
    }

    [Test]
    public void MemoryIsCountedAndComesBack()
    {
        // The device keeps its tables of parameters and of interpolation.
        using (var first = new StepNetwork(Device, adam: true))
        {
            using RecordedStep once = first.Step();
            Run(once, 0);
        }

        LeftOver.GiveBack(Device);
        MemoryStatistics before = Device.Memory;
        var net = new StepNetwork(Device, adam: true);
        RecordedStep step = net.Step();
        Run(step, 0);
        MemoryStatistics called = Device.Memory;
        Run(step, 1);
        MemoryStatistics recorded = Device.Memory;
        Assert.That(recorded.LiveBuffers, Is.EqualTo(called.LiveBuffers + 1), "one block");
        Assert.That(recorded.LiveBytes - called.LiveBytes, Is.EqualTo(((CudaStepRecorder)step.Recorder!).MemoryBytes));
        Run(step, 2);
        Assert.That(Device.Memory, Is.EqualTo(recorded));
        step.Dispose();
        step.Dispose();
        net.Dispose();
        Assert.That((Device.Memory.LiveBytes, Device.Memory.LiveBuffers), Is.EqualTo((before.LiveBytes, before.LiveBuffers)));
        Assert.Throws<ObjectDisposedException>(() => Run(step, 3));
    }

    [TestCase("step device net")]
    [TestCase("device step net")]
    [TestCase("device net step")]
    [TestCase("net step device")]
    [TestCase("net device step")]
    public void DisposedInAnyOrder(string order)
    {
        var net = new StepNetwork(Device, adam: true);
        RecordedStep step = net.Step();
        for (ulong i = 0; i < 3; i++)
        {
            Run(step, i);
        }

        foreach (string which in order.Split(' '))
        {
            IDisposable what = which == "step" ? step : which == "net" ? net : Device;
            what.Dispose();
            what.Dispose();
            Assert.Throws<ObjectDisposedException>(() => Run(step, 3));
        }
    }

    [Test]
    public void AGradientWhoseMemoryIsGoneIsNotWrittenTo()
    {
        using var net = new StepNetwork(Device, adam: false);
        using RecordedStep step = net.Step();
        for (ulong i = 0; i < 3; i++)
        {
            Run(step, i);
        }

        net.First.Dispose();
        Assert.That(step.IsRecorded, Is.False);
        Assert.Throws<ObjectDisposedException>(() => Run(step, 3));
    }
}
