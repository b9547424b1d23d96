using DilatedKernels.Backends.Cuda.Recording;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Optim;

/// <summary>Recorded steps against the same steps run as they are called, with the real kernels on the processor.</summary>
[NonParallelizable]
public sealed class RecordedStepTests
{
    private const int Classes = 5;
    private const ulong Seed = 7;

    private static readonly Shape s_input = new(2, 3, 12, 10);
    private static readonly Size2 s_labels = new(12, 10);

    private HostDriver _driver = null!;
    private Device _device = null!;

    public enum Kind
    {
        Sgd,
        Adam,
    }

    [SetUp]
    public void Open()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        _driver = driver!;
        _device = HostDevice.Open(_driver);
    }

    [TearDown]
    public void Close()
    {
        _device?.Dispose();
        _driver?.SetSeed(0);
    }

    [Test]
    public void EveryStepHasTheBitsOfOneThatRunsAsItIsCalled([Values] Kind kind, [Values(0, 11)] long fiberOrder)
    {
        _driver.SetSeed(fiberOrder);
        uint[] expected = Train(kind, steps: 8, record: false);
        Assert.That(Train(kind, steps: 8, record: true), Is.EqualTo(expected));
    }

    [Test]
    public void FollowsTheProcessor([Values] Kind kind)
    {
        float[] recorded = [.. Train(kind, steps: 8, record: true).Select(BitConverter.UInt32BitsToSingle)];
        _device.Dispose();
        _device = TestDevices.Cpu(2);
        double[] cpu = [.. Train(kind, steps: 8, record: true).Select(bits => (double)BitConverter.UInt32BitsToSingle(bits))];
        Assert.That(OperatorCheck.RelativeError(recorded, cpu), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void TheSecondStepIsRecordedAndTheOthersReplayed()
    {
        int calls = 0;
        using var net = new Net(_device, Kind.Adam);
        using RecordedStep step = net.Step(onCall: () => calls++);
        var stages = new List<(bool, int)>();
        for (ulong i = 0; i < 4; i++)
        {
            Run(step, i);
            stages.Add((step.IsRecorded, calls));
        }

        Assert.That(stages, Is.EqualTo(new[] { (false, 1), (true, 2), (true, 2), (true, 2) }));
        Assert.That(step.WhyNotRecorded, Is.Null);
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(4));
        Assert.That(net.Optimizer.Parameters.Select(p => p.Gradient), Is.All.Null);
    }

    [Test]
    public void TheProcessorRunsEveryStepAsItIsCalled()
    {
        int calls = 0;
        using Device cpu = TestDevices.Cpu(1);
        using var net = new Net(cpu, Kind.Sgd);
        using RecordedStep step = net.Step(onCall: () => calls++);
        for (ulong i = 0; i < 3; i++)
        {
            Run(step, i);
        }

        Assert.That(calls, Is.EqualTo(3));
        Assert.That(step.WhyNotRecorded, Does.Contain("cpu"));
    }

    [Test]
    public void ALossThatIsNotFiniteChangesNothing([Values] Kind kind, [Values(0, 1, 4)] int at)
    {
        using var net = new Net(_device, kind);
        using RecordedStep step = net.Step();
        for (int i = 0; i < at; i++)
        {
            Run(step, (ulong)i);
        }

        float[][] before = net.Everything();
        float[] broken = Input(100);
        broken[17] = float.NaN;
        Assert.That(step.Run((ulong)at, broken, Labels(1), 0.1f), Is.NaN);
        Assert.That(net.Everything(), Is.EqualTo(before));
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(at));

        // The step can be taken again, and is as if nothing had been.
        Run(step, (ulong)at);
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(at + 1));
        using var other = new Net(_device, kind);
        using RecordedStep unbroken = other.Step();
        for (int i = 0; i <= at; i++)
        {
            Run(unbroken, (ulong)i);
        }

        Assert.That(net.Everything(), Is.EqualTo(other.Everything()));
    }

    [Test]
    public void LabelsAreCheckedInReplaysToo()
    {
        using var net = new Net(_device, Kind.Sgd);
        using RecordedStep step = net.Step();
        for (ulong i = 0; i < 4; i++)
        {
            byte[] labels = Labels(i);
            labels[13] = Classes + 2;
            ArgumentException e = Assert.Throws<ArgumentException>(() => step.Run(i, Input(i), labels, 0.1f))!;
            Assert.That(e.Message, Does.StartWith($"The label {Classes + 2} at row 1, column 3 of image 0 (and 0 more) is not a class: the scores have classes 0 to 4"));
            Assert.Throws<ArgumentException>(() => step.Run(i, Input(i), labels.AsSpan(1), 0.1f));
            Assert.Throws<ArgumentException>(() => step.Run(i, Input(i).AsSpan(1), Labels(i), 0.1f));
            Assert.Throws<ArgumentOutOfRangeException>(() => step.Run(i, Input(i), Labels(i), float.NaN));
            Assert.That(net.Optimizer.StepCount, Is.EqualTo(i));
            Run(step, i);
        }

        Assert.That(step.IsRecorded, Is.True, step.WhyNotRecorded);
    }

    [Test]
    public void OverwrittenWeightsAndRestoredStatesAreSeen()
    {
        using var one = new Net(_device, Kind.Adam);
        using RecordedStep unbroken = one.Step();
        for (ulong i = 0; i < 3; i++)
        {
            Run(unbroken, i);
        }

        using var other = new Net(_device, Kind.Adam);
        using RecordedStep resumed = other.Step();
        for (ulong i = 20; i < 24; i++)
        {
            Run(resumed, i);
        }

        Assert.That(resumed.IsRecorded, Is.True);
        other.Restore(one);
        for (ulong i = 3; i < 6; i++)
        {
            Run(unbroken, i);
            Run(resumed, i);
        }

        Assert.That(other.Everything(), Is.EqualTo(one.Everything()));
    }

    [Test]
    public void AnotherSetOfTrainableParametersIsRecordedAnew()
    {
        uint[] expected = Run(record: false);
        Assert.That(Run(record: true), Is.EqualTo(expected));

        uint[] Run(bool record)
        {
            using var net = new Net(_device, Kind.Sgd);
            using RecordedStep step = net.Step(record);
            var losses = new List<float>();
            for (ulong i = 0; i < 9; i++)
            {
                if (i is 3 or 6)
                {
                    net.First.IsTrainable = i == 6;
                    Assert.That(step.IsRecorded, Is.EqualTo(record));
                }

                float[] before = net.First.Value.ToArray();
                losses.Add(RecordedStepTests.Run(step, i));
                Assert.That(net.First.Value.ToArray(), i is >= 3 and < 6 ? Is.EqualTo(before) : Is.Not.EqualTo(before));
            }

            Assert.That(step.IsRecorded, Is.EqualTo(record), step.WhyNotRecorded);
            return [.. losses.Concat(net.Everything().SelectMany(v => v)).Select(BitConverter.SingleToUInt32Bits)];
        }
    }

    [Test]
    public void OtherWorkBetweenReplaysChangesNothing()
    {
        uint[] expected = Train(Kind.Adam, steps: 6, record: true);
        uint[] disturbed = Train(Kind.Adam, steps: 6, record: true, between: net =>
        {
            using Tape tape = Tape.Inference();
            using Tensor x = Tensor.FromChannelsLast(_device, s_input, Input(50));
            Assert.That(net.Scores(x, ForwardContext.Inference).ToArray(), Is.All.InRange(-1e3f, 1e3f));
            using var other = new Net(_device, Kind.Adam);
            using RecordedStep step = other.Step();
            for (ulong i = 0; i < 3; i++)
            {
                Run(step, i);
            }
        });
        Assert.That(disturbed, Is.EqualTo(expected));
    }

    [Test]
    public void GradientsFromElsewhereAreAddedTo()
    {
        float[] expected = Run(record: false);
        Assert.That(Run(record: true), Is.EqualTo(expected));

        float[] Run(bool record)
        {
            using var net = new Net(_device, Kind.Sgd);
            using RecordedStep step = net.Step(record);
            for (ulong i = 0; i < 6; i++)
            {
                if (i == 4)
                {
                    using Tape tape = Tape.Record();
                    using Tensor x = Tensor.FromChannelsLast(_device, s_input, Input(60));
                    using LabelMap labels = LabelMap.FromArray(_device, s_input.N, s_labels.Height, s_labels.Width, Labels(60));
                    tape.Backward(net.Loss(x, labels, ForwardContext.Training(Seed, 60)));
                }

                RecordedStepTests.Run(step, i);
                Assert.That(net.Optimizer.Parameters.Select(p => p.Gradient), Is.All.Null);
            }

            return net.First.Value.ToArray();
        }
    }

    private static readonly (string Name, Func<Net, Func<Tensor, LabelMap, ForwardContext, Tensor>> Loss, string Reason)[] s_refused =
    [
        ("reads back", net => (x, labels, context) =>
        {
            Tensor loss = net.Loss(x, labels, context);
            loss.Item();
            return loss;
        }, "The step reads 4 bytes back before it has ended."),
        ("uploads", net => (x, labels, context) =>
        {
            using Tensor noise = Tensor.FromChannelsLast(x.Device, x.Shape, Input(5));
            return net.Loss(Ops.Add(x, noise), labels, context);
        }, "The step uploads 2880 bytes, which replays would not do again."),
        ("waits", net => (x, labels, context) =>
        {
            x.Device.Synchronize();
            return net.Loss(x, labels, context);
        }, "The step waits for the device."),
        ("own random step", net => (x, labels, context) => net.Loss(Ops.Dropout(x, 0.1f, context.Seed, context.Step + 100, 3), labels, context),
            "The step uses a random step of its own, 101 where the recorded step has 1, which replays would not follow."),
        ("own seed", net => (x, labels, context) => net.Loss(Ops.Dropout(x, 0.1f, context.Step, context.Step, 3), labels, context),
            "The step uses a random seed of its own, 1 where the recorded step has 7, which replays would not follow."),
        ("own labels", net => (x, labels, context) =>
        {
            Tensor scores = net.Scores(x, context);
            return Ops.Add(Ops.SoftmaxCrossEntropy(scores, labels), Ops.SoftmaxCrossEntropy(scores, net.FixedLabels));
        }, "The step compares scores with labels other than those it is given, and replays would not learn how many of them are valid."),
        ("more memory", net => (x, labels, context) => net.Loss(context.Step == 0 ? x : Ops.Scale(x, 2f), labels, context), "The step takes 2880 bytes of memory where the step before it took"),
    ];

    public static IEnumerable<string> Refused => s_refused.Select(r => r.Name);

    [TestCaseSource(nameof(Refused))]
    public void WhatCannotBeRecordedRunsAsItIsCalledAndSaysWhy(string name)
    {
        (_, Func<Net, Func<Tensor, LabelMap, ForwardContext, Tensor>> loss, string reason) = s_refused.Single(r => r.Name == name);
        using var net = new Net(_device, Kind.Adam);
        using var step = new RecordedStep(s_input, s_labels, net.Optimizer, loss(net), Seed);
        using var other = new Net(_device, Kind.Adam);
        using var plain = new RecordedStep(s_input, s_labels, other.Optimizer, Unrecordable(loss(other)), Seed);
        for (ulong i = 0; i < 4; i++)
        {
            Assert.That(Run(step, i), Is.EqualTo(Run(plain, i)));
            Assert.That(step.IsRecorded, Is.False);
            Assert.That(step.WhyNotRecorded, i == 0 ? Is.Null : Does.StartWith(reason));
        }

        Assert.That(net.Everything(), Is.EqualTo(other.Everything()));
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(4));
    }

    [Test]
    public void AParameterThatTheOptimizerDoesNotHaveIsNamed()
    {
        using var net = new Net(_device, Kind.Sgd);
        using var some = new Sgd([.. net.Optimizer.Parameters.Skip(1)]);
        using var step = new RecordedStep(s_input, s_labels, some, net.Loss, Seed);
        for (ulong i = 0; i < 3; i++)
        {
            Run(step, i);
        }

        Assert.That(step.WhyNotRecorded, Is.EqualTo("The loss depends on the trainable parameter 'first', which the optimizer does not have."));
    }

    [Test]
    public void AnErrorOfTheFunctionPassesThroughAndTheNextStepIsRecorded()
    {
        bool fails = false;
        using var net = new Net(_device, Kind.Adam);
        using RecordedStep step = net.Step(onCall: () =>
        {
            if (fails)
            {
                throw new InvalidOperationException("mine");
            }
        });
        Run(step, 0);
        float[][] before = net.Everything();
        long live = _device.Memory.LiveBytes;
        fails = true;
        Assert.That(Assert.Throws<InvalidOperationException>(() => Run(step, 1))!.Message, Is.EqualTo("mine"));
        fails = false;
        Assert.That(_device.Memory.LiveBytes, Is.EqualTo(live));
        Assert.That(net.Everything(), Is.EqualTo(before));
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(1));
        Run(step, 1);
        Assert.That(step.IsRecorded, Is.True, step.WhyNotRecorded);
    }

    [Test]
    public void ARecordingTakesLittleMoreMemoryThanTheStepAsCalled()
    {
        using var net = new Net(_device, Kind.Adam);
        using RecordedStep step = net.Step();
        Run(step, 0);
        long room = _device.Memory.PeakBytes - _device.Memory.LiveBytes;
        Run(step, 1);
        var recorder = (CudaStepRecorder)step.Recorder!;
        TestContext.Out.WriteLine($"Intermediates: {room} bytes at most as called, {recorder.MemoryBytes} in the recording.");
        Assert.That(recorder.MemoryBytes, Is.InRange(1, 2 * room));
    }

    [Test]
    public void MemoryIsCountedAndComesBack()
    {
        // The device keeps its tables of parameters and of interpolation.
        using (var first = new Net(_device, Kind.Adam))
        {
            using RecordedStep once = first.Step();
            Run(once, 0);
        }

        MemoryStatistics before = _device.Memory;
        var net = new Net(_device, Kind.Adam);
        RecordedStep step = net.Step();
        Run(step, 0);
        MemoryStatistics called = _device.Memory;
        Run(step, 1);
        MemoryStatistics recorded = _device.Memory;
        Assert.That(recorded.LiveBuffers, Is.EqualTo(called.LiveBuffers + 1), "one block");
        Assert.That(recorded.LiveBytes - called.LiveBytes, Is.EqualTo(((CudaStepRecorder)step.Recorder!).MemoryBytes));
        Run(step, 2);
        Assert.That(_device.Memory, Is.EqualTo(recorded));
        step.Dispose();
        step.Dispose();
        net.Dispose();
        Assert.That((_device.Memory.LiveBytes, _device.Memory.LiveBuffers), Is.EqualTo((before.LiveBytes, before.LiveBuffers)));
        Assert.Throws<ObjectDisposedException>(() => Run(step, 3));
    }

    [TestCase("step device net")]
    [TestCase("device step net")]
    [TestCase("device net step")]
    [TestCase("net step device")]
    [TestCase("net device step")]
    public void DisposedInAnyOrder(string order)
    {
        var net = new Net(_device, Kind.Adam);
        RecordedStep step = net.Step();
        for (ulong i = 0; i < 3; i++)
        {
            Run(step, i);
        }

        foreach (string which in order.Split(' '))
        {
            IDisposable what = which == "step" ? step : which == "net" ? net : _device;
            what.Dispose();
            what.Dispose();
            Assert.Throws<ObjectDisposedException>(() => Run(step, 3));
        }
    }

    [Test]
    public void AGradientWhoseMemoryIsGoneIsNotWrittenTo()
    {
        using var net = new Net(_device, Kind.Sgd);
        using RecordedStep step = net.Step();
        for (ulong i = 0; i < 3; i++)
        {
            Run(step, i);
        }

        net.First.Dispose();
        Assert.That(step.IsRecorded, Is.False);
        Assert.Throws<ObjectDisposedException>(() => Run(step, 3));
    }

    private static float Run(RecordedStep step, ulong i) => step.Run(i, Input(i), Labels(i), Rate(i));

    // The same computation, and one read that cannot be recorded.
    private static Func<Tensor, LabelMap, ForwardContext, Tensor> Unrecordable(Func<Tensor, LabelMap, ForwardContext, Tensor> loss) => (x, labels, context) =>
    {
        Tensor value = loss(x, labels, context);
        value.Item();
        return value;
    };

    private static float Rate(ulong i) => 0.05f / (1 + i);

    private static float[] Input(ulong i) => Array4.Random(s_input, $"input {i}").ToSingle();

    // More void from step to step, so that the number of valid positions changes.
    private static byte[] Labels(ulong i)
    {
        var random = new RandomSequence(i, "recorded labels");
        return [.. Enumerable.Range(0, s_input.N * s_labels.Height * s_labels.Width).Select(_ => random.NextInt32(10) < (int)i ? (byte)255 : (byte)random.NextInt32(Classes))];
    }

    private uint[] Train(Kind kind, int steps, bool record, Action<Net>? between = null)
    {
        using var net = new Net(_device, kind);
        using RecordedStep step = net.Step(record);
        var values = new List<float>();
        for (ulong i = 0; i < (ulong)steps; i++)
        {
            values.Add(Run(step, i));
            if (i == 3)
            {
                between?.Invoke(net);
            }
        }

        Assert.That(step.IsRecorded, Is.EqualTo(record && step.Recorder is not null), step.WhyNotRecorded);
        values.AddRange(net.Everything().SelectMany(v => v));
        return [.. values.Select(BitConverter.SingleToUInt32Bits)];
    }

    /// <summary>Most operators in a network of three parameters.</summary>
    private sealed class Net : IDisposable
    {
        private readonly Parameter _bias;
        private readonly Parameter _second;

        public Net(Device device, Kind kind)
        {
            First = new Parameter("first", Array4.Random(new Shape(6, 3, 3, 3), "first").ToTensor(device));
            _bias = new Parameter("bias", Array4.Random(new Shape(1, 6, 1, 1), "bias").ToTensor(device)) { LearningRateMultiplier = 2 };
            _second = new Parameter("second", Array4.Random(new Shape(Classes, 6, 1, 1), "second").ToTensor(device));
            Parameter[] all = [First, _bias, _second];
            Optimizer = kind == Kind.Adam ? new Adam(all, weightDecay: 1e-3f) : new Sgd(all, weightDecay: 1e-3f);
            FixedLabels = LabelMap.FromArray(device, s_input.N, s_labels.Height, s_labels.Width, Labels(2));
        }

        public Parameter First { get; }

        public Optimizer Optimizer { get; }

        public LabelMap FixedLabels { get; }

        public RecordedStep Step(bool record = true, Action? onCall = null) => new(s_input, s_labels, Optimizer, record ? Called(onCall) : Unrecordable(Called(onCall)), Seed);

        public Tensor Scores(Tensor x, ForwardContext context)
        {
            Tensor hidden = Ops.Conv2d(Ops.ReflectionPad(Ops.Scale(x, 0.5f), 1, 1, 1, 1), First.Value, _bias.Value, new Conv2dOptions { Padding = 1, Dilation = 2 });
            Tensor pooled = Ops.MaxPool2d(Ops.Relu(hidden), 2, 2, 0);
            Tensor dropped = context.IsTraining ? Ops.Dropout(pooled, 0.3f, context.Seed, context.Step, 1) : pooled;
            return Ops.UpsampleBilinear(Ops.Conv2d(dropped, _second.Value), s_labels.Height, s_labels.Width);
        }

        public Tensor Loss(Tensor x, LabelMap labels, ForwardContext context) => Ops.SoftmaxCrossEntropy(Scores(x, context), labels);

        public float[][] Everything() => [.. Optimizer.Parameters.Select(p => p.Value.ToArray()).Concat(Optimizer.States.Select(s => s.State.ToArray()))];

        public void Restore(Net from)
        {
            foreach ((Parameter source, Parameter target) in from.Optimizer.Parameters.Zip(Optimizer.Parameters))
            {
                target.Value.SetArray(source.Value.ToArray());
            }

            foreach (((_, Tensor source), (_, Tensor target)) in from.Optimizer.States.Zip(Optimizer.States))
            {
                target.SetArray(source.ToArray());
            }

            Optimizer.StepCount = from.Optimizer.StepCount;
        }

        public void Dispose()
        {
            Optimizer.Dispose();
            First.Dispose();
            _bias.Dispose();
            _second.Dispose();
            FixedLabels.Dispose();
        }

        private Func<Tensor, LabelMap, ForwardContext, Tensor> Called(Action? onCall) => (x, labels, context) =>
        {
            onCall?.Invoke();
            return Loss(x, labels, context);
        };
    }
}
