using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;
using DilatedKernels.Tests.Tensors;

namespace DilatedKernels.Tests.Optim;

/// <summary>Recorded steps against the same steps run as they are called, with the real kernels on the processor.</summary>
[NonParallelizable]
public sealed class RecordedStepTests : RecordedStepFixture
{
    [Test]
    public void EveryStepHasTheBitsOfOneThatRunsAsItIsCalled([Values] bool adam, [Values(0, 11)] long fiberOrder)
    {
        Driver.SetSeed(fiberOrder);
        uint[] expected = Train(adam, steps: 8, record: false);
        Assert.That(Train(adam, steps: 8, record: true), Is.EqualTo(expected));
    }

    [Test]
    public void AStepInPartsThatIsReplayedHasTheBitsOfOneThatIsCalled([Values(1, 2, 4, 7)] int parts, [Values(null, 0.1f, 1e6f)] float? clipNorm)
    {
        uint[] expected = TrainInParts(Device, parts, clipNorm, record: false);
        Assert.That(TrainInParts(Device, parts, clipNorm, record: true), Is.EqualTo(expected));
    }

    [Test]
    public void EveryLossFollowsTheLabelsOfItsStepInReplays([Values(1, 2)] int parts, [Values(0f, 2f)] float gamma)
    {
        using var weights = new ClassWeights(Device, [1f, 0.5f, 2f, 0f, 3f]);
        uint[] expected = Train(record: false);
        Assert.That(Train(record: true), Is.EqualTo(expected));

        uint[] Train(bool record)
        {
            using var net = new StepNetwork(Device, adam: false);
            Func<Tensor, LabelMap, ForwardContext, Tensor> loss = (x, labels, context) =>
            {
                Tensor scores = net.Scores(x, context);
                Tensor enlarged = Ops.Add(Ops.UpsampleSoftmaxCrossEntropy(scores, labels), Ops.UpsampleSoftmaxCrossEntropy(scores, labels, weights: weights));
                return Ops.Add(enlarged, Ops.Add(Ops.FocalLoss(scores, labels, gamma, weights), Ops.DiceLoss(scores, labels)));
            };
            loss = record ? loss : StepNetwork.Unrecordable(loss);
            using var step = new RecordedStep(StepNetwork.InputShape, StepNetwork.LabelSize, net.Optimizer, loss, StepNetwork.Seed, parts);
            float[] values = [.. Enumerable.Range(0, 6).Select(i => Run(step, (ulong)i)), .. net.Everything().SelectMany(v => v)];
            Assert.That(step.IsRecorded, Is.EqualTo(record), step.WhyNotRecorded);
            return Array.ConvertAll(values, BitConverter.SingleToUInt32Bits);
        }
    }

    [Test]
    public void AStepInPartsFollowsTheProcessor()
    {
        float[] recorded = [.. TrainInParts(Device, parts: 2, clipNorm: 0.1f, record: true).Select(BitConverter.UInt32BitsToSingle)];
        using Device processor = TestDevices.Cpu(2);
        double[] cpu = [.. TrainInParts(processor, parts: 2, clipNorm: 0.1f, record: false).Select(bits => (double)BitConverter.UInt32BitsToSingle(bits))];
        Assert.That(OperatorCheck.RelativeError(recorded, cpu), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void TheWatchedBuildFindsNoFault()
    {
        HostDriver? driver = HostDriver.TryOpen("checked", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        Device.Dispose();
        Device = HostDevice.Open(driver!);
        Assert.That(() => Train(adam: true, steps: 3, record: true), Throws.Nothing);
    }

    [Test]
    public void RefusesExtentsBelowZeroAndNulls()
    {
        using var net = new StepNetwork(Device, adam: false);
        Assert.That(() => Make(new Shape(2, -3, 12, 10), 12), Throws.ArgumentException.With.Message.Contains("inputShape"));
        Assert.That(() => Make(StepNetwork.InputShape, -1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("labelSize"));
        Assert.That(() => Make(StepNetwork.InputShape, new Size2(1, -1)), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("labelSize"));
        Assert.That(
            () => new RecordedStep(StepNetwork.InputShape, StepNetwork.LabelSize, null!, net.Loss, StepNetwork.Seed),
            Throws.ArgumentNullException.With.Property("ParamName").EqualTo("optimizer"));
        Assert.That(
            () => new RecordedStep(StepNetwork.InputShape, StepNetwork.LabelSize, net.Optimizer, null!, StepNetwork.Seed),
            Throws.ArgumentNullException.With.Property("ParamName").EqualTo("computeLoss"));

        void Make(Shape shape, Size2 labels) => new RecordedStep(shape, labels, net.Optimizer, net.Loss, StepNetwork.Seed).Dispose();
    }

    [Test]
    public void FollowsTheProcessor([Values] bool adam)
    {
        float[] recorded = [.. Train(adam, steps: 8, record: true).Select(BitConverter.UInt32BitsToSingle)];
        Device.Dispose();
        Device = TestDevices.Cpu(2);
        double[] cpu = [.. Train(adam, steps: 8, record: true).Select(bits => (double)BitConverter.UInt32BitsToSingle(bits))];
        Assert.That(OperatorCheck.RelativeError(recorded, cpu), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void TheSecondStepIsRecordedAndTheOthersReplayed()
    {
        int calls = 0;
        using var net = new StepNetwork(Device, adam: true);
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
        using var net = new StepNetwork(cpu, adam: false);
        using RecordedStep step = net.Step(onCall: () => calls++);
        for (ulong i = 0; i < 3; i++)
        {
            Run(step, i);
        }

        Assert.That(calls, Is.EqualTo(3));
        Assert.That(step.WhyNotRecorded, Does.Contain("cpu"));
    }

    [Test]
    public void ALossThatIsNotFiniteChangesNothing([Values] bool adam, [Values(0, 1, 4)] int at)
    {
        using var net = new StepNetwork(Device, adam);
        using RecordedStep step = net.Step();
        for (int i = 0; i < at; i++)
        {
            Run(step, (ulong)i);
        }

        float[][] before = net.Everything();
        float[] broken = StepNetwork.Input(100);
        broken[17] = float.NaN;
        Assert.That(step.Run((ulong)at, broken, StepNetwork.Labels(1), 0.1f), Is.NaN);
        Assert.That(net.Everything(), Is.EqualTo(before));
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(at));

        // The step can be taken again, and is as if nothing had been.
        Run(step, (ulong)at);
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(at + 1));
        using var other = new StepNetwork(Device, adam);
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
        using var net = new StepNetwork(Device, adam: false);
        using RecordedStep step = net.Step();
        for (ulong i = 0; i < 4; i++)
        {
            byte[] labels = StepNetwork.Labels(i);
            labels[13] = StepNetwork.Classes + 2;
            ArgumentException e = Assert.Throws<ArgumentException>(() => step.Run(i, StepNetwork.Input(i), labels, 0.1f))!;
            Assert.That(e.Message, Does.StartWith($"The label {StepNetwork.Classes + 2} at row 1, column 3 of image 0 (and 0 more) is not a class: the scores have classes 0 to 4"));
            Assert.Throws<ArgumentException>(() => step.Run(i, StepNetwork.Input(i), labels.AsSpan(1), 0.1f));
            Assert.Throws<ArgumentException>(() => step.Run(i, StepNetwork.Input(i).AsSpan(1), StepNetwork.Labels(i), 0.1f));
            Assert.Throws<ArgumentOutOfRangeException>(() => step.Run(i, StepNetwork.Input(i), StepNetwork.Labels(i), float.NaN));
            Assert.That(net.Optimizer.StepCount, Is.EqualTo(i));
            Run(step, i);
        }

        Assert.That(step.IsRecorded, Is.True, step.WhyNotRecorded);
    }

    [Test]
    public void OverwrittenWeightsAndRestoredStatesAreSeen()
    {
        using var one = new StepNetwork(Device, adam: true);
        using RecordedStep unbroken = one.Step();
        for (ulong i = 0; i < 3; i++)
        {
            Run(unbroken, i);
        }

        using var other = new StepNetwork(Device, adam: true);
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
            using var net = new StepNetwork(Device, adam: false);
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
        uint[] expected = Train(adam: true, steps: 6, record: true);
        uint[] disturbed = Train(adam: true, steps: 6, record: true, between: net =>
        {
            using Tape tape = Tape.Inference();
            using Tensor x = Tensor.FromChannelsLast(Device, StepNetwork.InputShape, StepNetwork.Input(50));
            Assert.That(net.Scores(x, ForwardContext.Inference).ToArray(), Is.All.InRange(-1e3f, 1e3f));
            using var other = new StepNetwork(Device, adam: true);
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
            using var net = new StepNetwork(Device, adam: false);
            using RecordedStep step = net.Step(record);
            for (ulong i = 0; i < 6; i++)
            {
                if (i == 4)
                {
                    using Tape tape = Tape.Record();
                    using Tensor x = Tensor.FromChannelsLast(Device, StepNetwork.InputShape, StepNetwork.Input(60));
                    using LabelMap labels = LabelMap.FromArray(Device, StepNetwork.InputShape.N, StepNetwork.LabelSize.Height, StepNetwork.LabelSize.Width, StepNetwork.Labels(60));
                    tape.Backward(net.Loss(x, labels, ForwardContext.Training(StepNetwork.Seed, 60)));
                }

                RecordedStepTests.Run(step, i);
                Assert.That(net.Optimizer.Parameters.Select(p => p.Gradient), Is.All.Null);
            }

            return net.First.Value.ToArray();
        }
    }

    private static readonly (string Name, Func<StepNetwork, Func<Tensor, LabelMap, ForwardContext, Tensor>> Loss, string Reason)[] s_refused =
    [
        ("reads back", net => (x, labels, context) =>
        {
            Tensor loss = net.Loss(x, labels, context);
            loss.Item();
            return loss;
        }, "The step reads 4 bytes back before it has ended."),
        ("uploads", net => (x, labels, context) =>
        {
            using Tensor noise = Tensor.FromChannelsLast(x.Device, x.Shape, StepNetwork.Input(5));
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
        (_, Func<StepNetwork, Func<Tensor, LabelMap, ForwardContext, Tensor>> loss, string reason) = s_refused.Single(r => r.Name == name);
        using var net = new StepNetwork(Device, adam: true);
        using var step = new RecordedStep(StepNetwork.InputShape, StepNetwork.LabelSize, net.Optimizer, loss(net), StepNetwork.Seed);
        using var other = new StepNetwork(Device, adam: true);
        using var plain = new RecordedStep(StepNetwork.InputShape, StepNetwork.LabelSize, other.Optimizer, StepNetwork.Unrecordable(loss(other)), StepNetwork.Seed);
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
        using var net = new StepNetwork(Device, adam: false);
        using var some = new Sgd([.. net.Optimizer.Parameters.Skip(1)]);
        using var step = new RecordedStep(StepNetwork.InputShape, StepNetwork.LabelSize, some, net.Loss, StepNetwork.Seed);
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
        using var net = new StepNetwork(Device, adam: true);
        using RecordedStep step = net.Step(onCall: () =>
        {
            if (fails)
            {
                throw new InvalidOperationException("mine");
            }
        });
        Run(step, 0);
        float[][] before = net.Everything();
        LeftOver.GiveBack(Device);
        long live = Device.Memory.LiveBytes;
        fails = true;
        Assert.That(Assert.Throws<InvalidOperationException>(() => Run(step, 1))!.Message, Is.EqualTo("mine"));
        fails = false;
        Assert.That(Device.Memory.LiveBytes, Is.EqualTo(live));
        Assert.That(net.Everything(), Is.EqualTo(before));
        Assert.That(net.Optimizer.StepCount, Is.EqualTo(1));
        Run(step, 1);
        Assert.That(step.IsRecorded, Is.True, step.WhyNotRecorded);
    }

    private static uint[] TrainInParts(Device device, int parts, float? clipNorm, bool record)
    {
        using var net = new StepNetwork(device, adam: false);
        Func<Tensor, LabelMap, ForwardContext, Tensor> loss = record ? net.Loss : StepNetwork.Unrecordable(net.Loss);
        int images = Math.Max(parts, StepNetwork.InputShape.N);
        using var step = new RecordedStep(StepNetwork.InputShape with { N = images }, StepNetwork.LabelSize, net.Optimizer, loss, StepNetwork.Seed, parts) { ClipNorm = clipNorm };
        float[] losses = [.. Enumerable.Range(0, 6).Select(i => step.Run((ulong)i, StepNetwork.Input((ulong)i, images), StepNetwork.Labels((ulong)i, images), StepNetwork.Rate((ulong)i)))];
        float[] values = [.. losses, .. net.Everything().SelectMany(v => v)];
        Assert.That(step.IsRecorded, Is.EqualTo(record), step.WhyNotRecorded);
        return Array.ConvertAll(values, BitConverter.SingleToUInt32Bits);
    }
}
