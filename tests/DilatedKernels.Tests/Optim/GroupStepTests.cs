using DilatedKernels.Distributed;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Distributed;
using DilatedKernels.Tests.Distributed.Nccl;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Optim;

/// <summary>Steps that several processes, here threads with a device each, compute together: the bits of one process.</summary>
[NonParallelizable]
public sealed class GroupStepTests
{
    private const int Steps = 3;

    public enum Loss
    {
        CrossEntropy,
        Weighted,
        Focal,
        Dice,
        EveryParameterUsedTwice,
    }

    [Test]
    public void OnTheProcessor([Values] Loss loss, [Values] bool clips, [Values(4, 5, 7)] int parts, [Values(1, 2)] int imagesInAPart)
    {
        uint[] one = Alone(TestDevices.Cpu(1), loss, clips, parts, imagesInAPart);
        Assert.That(one.Distinct().Count(), Is.GreaterThan(100), "there is something to compare");
        for (int processes = 1; processes <= 4; processes++)
        {
            Assert.That(Together(_ => TestDevices.Cpu(1), processes, loss, clips, parts, imagesInAPart), Is.All.EqualTo(one), $"{processes} processes");
        }
    }

    [Test]
    public void OnTheGpuPath([Values] Loss loss, [Values(1, 2, 3, 4)] int processes)
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        uint[] one = Alone(HostDevice.Open(driver!), loss, clips: true, parts: 5, imagesInAPart: 1);
        Assert.That(Together(_ => HostDevice.Open(driver!), processes, loss, clips: true, parts: 5, imagesInAPart: 1), Is.All.EqualTo(one));
    }

    [Test]
    public void OnGpusThatNcclJoins([Values] Loss loss, [Values(1, 2, 3, 4)] int processes)
    {
        using var nccl = new NcclStub();
        long before = nccl.Sends;
        uint[] one = Alone(NcclStub.OpenGpu(-1), loss, clips: true, parts: 5, imagesInAPart: 1);
        Assert.That(Together(NcclStub.OpenGpu, processes, loss, clips: true, parts: 5, imagesInAPart: 1), Is.All.EqualTo(one));
        Assert.That(nccl.Sends - before, processes == 1 ? Is.Zero : Is.GreaterThanOrEqualTo(Steps * 2 * processes * (processes - 1)));
        Assert.That(nccl.Live, Is.Zero);
    }

    [Test]
    public void BucketsAreSentWhileTheBackwardPassGoesOn([Values] bool overNccl)
    {
        using NcclStub? nccl = overNccl ? new NcclStub() : null;

        // A first layer too large for the bucket of those after it.
        LocalThreads.Run(2, group =>
        {
            using Device device = overNccl ? NcclStub.OpenGpu(group.Rank) : TestDevices.Cpu(1);
            using var first = new Parameter("first", Tensor.Zeros(device, new Shape(1 << 12, 3, 9, 11)));
            using var second = new Parameter("second", Tensor.Zeros(device, new Shape(2, 1 << 12, 1, 1)));
            using var optimizer = new Sgd([first, second]);
            RecordedStep? step = null;
            int sent = -1;
            using (step = new RecordedStep(
                new Shape(2, 3, 9, 11), new Size2(1, 1), optimizer,
                (x, labels, _) => Ops.SoftmaxCrossEntropy(Ops.Conv2d(WhenBackward(Ops.Conv2d(x, first.Value), () => sent = step!.Exchange!.Sent), second.Value), labels),
                seed: 1, parts: 2, group))
            {
                step.Run(0, new float[step.OwnShape.Count], new byte[1], 0.1f);
                Assert.That(sent, Is.EqualTo(1), "buckets under way before the backward pass came to the first layer");
                Assert.That(step.Exchange!.Sent, Is.EqualTo(3));
            }
        });
    }

    [Test]
    public void AParameterThatOnlySomePartsUseIsUpdatedAlike([Values] bool overNccl)
    {
        using NcclStub? nccl = overNccl ? new NcclStub() : null;
        float[][] results = new float[3][];
        LocalThreads.Run(3, group =>
        {
            using Device device = overNccl ? NcclStub.OpenGpu(group.Rank) : TestDevices.Cpu(1);
            using var net = new StepNetwork(device, adam: false);
            using var rare = new Parameter("rare", Tensor.FromArray(device, Shape.Scalar, [1f]));
            using var unused = new Parameter("unused", Tensor.FromArray(device, Shape.Scalar, [1f]));
            using var optimizer = new Sgd([.. net.Optimizer.Parameters, rare, unused], weightDecay: 0.1f);
            using var step = new RecordedStep(
                StepNetwork.InputShape with { N = 4 }, StepNetwork.LabelSize, optimizer,
                (x, labels, context) => context.Step % 4 == 1 ? Ops.Add(net.Loss(x, labels, context), Ops.Scale(rare.Value, 0.5f)) : net.Loss(x, labels, context),
                StepNetwork.Seed, parts: 4, group);
            Run(step, 0, 4, group);
            results[group.Rank] = [rare.Value.Item(), unused.Value.Item()];
        });
        Assert.That(results, Is.All.EqualTo(new[] { 1f - (StepNetwork.Rate(0) * (0.5f + 0.1f)), 1f }).Within(1e-6f));
    }

    [Test]
    public void AProcessThatFailsInTheMiddleOfAStepEndsTheOthers()
    {
        using var nccl = new NcclStub();
        Exception?[] errors = LocalThreads.Errors(3, group =>
        {
            using Device device = NcclStub.OpenGpu(group.Rank);
            using var net = new StepNetwork(device, adam: false);
            using var step = new RecordedStep(
                StepNetwork.InputShape with { N = 3 }, StepNetwork.LabelSize, net.Optimizer,
                (x, labels, context) => group.Rank == 1 && context.Step >= 3 ? throw new InvalidOperationException("the disk is full") : net.Loss(x, labels, context),
                StepNetwork.Seed, parts: 3, group);
            Run(step, 0, 3, group);
            Run(step, 1, 3, group);
        });
        Assert.That(errors[1], Is.InstanceOf<InvalidOperationException>());
        Assert.That(new[] { errors[0], errors[2] }.Select(error => error?.Message), Is.All.Match("^rank 1 of 3 on host .*: the disk is full$"));
        Assert.That(nccl.Live, Is.Zero);
    }

    [Test]
    public void ALossThatIsNotFiniteChangesNothingAnywhere()
    {
        LocalThreads.Run(3, group =>
        {
            using Device device = TestDevices.Cpu(1);
            using var net = new StepNetwork(device, adam: true);
            using RecordedStep step = Make(net, Loss.CrossEntropy, null, group, parts: 3, imagesInAPart: 1);
            Run(step, 0, 3, group);
            float[][] before = net.Everything();
            float[] input = Own(StepNetwork.Input(1, 3), step, group, 3);
            input[5] = group.Rank == 1 ? float.NaN : input[5];
            float loss = step.Run(1, input, Own(StepNetwork.Labels(1, 3), step, group, 3), 0.1f);
            Assert.That(loss, Is.NaN);
            Assert.That(net.Everything(), Is.EqualTo(before));
            Assert.That(net.Optimizer.StepCount, Is.EqualTo(1));
            Assert.That(step.FindAnomaly(1, input, Own(StepNetwork.Labels(1, 3), step, group, 3)), group.Rank == 1 ? Is.Not.Null : Is.Null);
        });
    }

    [Test]
    public void AStepIsDoneEverywhereWhereOneProcessWasCancelled()
    {
        float[][][] results = new float[2][][];
        LocalThreads.Run(2, group =>
        {
            using Device device = TestDevices.Cpu(1);
            using var net = new StepNetwork(device, adam: false);
            using RecordedStep step = Make(net, Loss.CrossEntropy, null, group, parts: 2, imagesInAPart: 1);
            var cancelled = new CancellationToken(canceled: group.Rank == 1);
            float loss = step.Run(0, Own(StepNetwork.Input(0, 2), step, group, 2), Own(StepNetwork.Labels(0, 2), step, group, 2), StepNetwork.Rate(0), cancelled);
            Assert.That(float.IsFinite(loss));
            Assert.That(net.Optimizer.StepCount, Is.EqualTo(1));
            results[group.Rank] = net.Everything();
        });
        Assert.That(results[1], Is.EqualTo(results[0]));
    }

    [TestCase(3, 4)]
    [TestCase(2, 5)]
    public void GradientsFromBeforeAStepCountOnce(int processes, int parts)
    {
        float[][] one = AfterOwnBackward(null, parts);
        float[][][] results = new float[processes][][];
        LocalThreads.Run(processes, group => results[group.Rank] = AfterOwnBackward(group, parts));
        Assert.That(results, Is.All.EqualTo(one));
    }

    [Test]
    public void TheTallyIsSummedAtTheBeginningOfAStep()
    {
        LocalThreads.Run(3, group =>
        {
            using Device device = TestDevices.Cpu(1);
            using var net = new StepNetwork(device, adam: false);
            using RecordedStep step = Make(net, Loss.CrossEntropy, null, group, parts: 3, imagesInAPart: 1);
            Run(step, 0, 3, group);
            Assert.That(step.Tally, Is.Empty);
            step.Tally = [1, group.Rank];
            Run(step, 1, 3, group);
            Assert.That(step.Tally, Is.EqualTo(new long[] { 3, 3 }));
        });
    }

    [Test]
    public void SaysWhyItIsNotRecordedAndRefusesMoreProcessesThanParts()
    {
        LocalThreads.Run(2, group =>
        {
            using Device device = TestDevices.Cpu(1);
            using var net = new StepNetwork(device, adam: false);
            using RecordedStep step = Make(net, Loss.CrossEntropy, null, group, parts: 2, imagesInAPart: 3);
            Assert.That(step.WhyNotRecorded, Is.EqualTo("The step is computed by 2 processes together, and what they exchange cannot be recorded."));
            Assert.That(step.InputShape.N, Is.EqualTo(6));
            Assert.That(step.OwnShape.N, Is.EqualTo(3));
            Assert.That(
                () => Make(net, Loss.CrossEntropy, null, group, parts: 1, imagesInAPart: 1),
                Throws.ArgumentException.With.Message.Contains("A step of 1 parts cannot be spread over 2 processes"));
        });
    }

    internal static uint[] Alone(Device device, Loss loss, bool clips, int parts, int imagesInAPart)
    {
        using (device)
        {
            return Bits(device, loss, clips, parts, imagesInAPart, group: null);
        }
    }

    internal static uint[][] Together(Func<int, Device> open, int processes, Loss loss, bool clips, int parts, int imagesInAPart)
    {
        uint[][] bits = new uint[processes][];
        LocalThreads.Run(processes, group =>
        {
            using Device device = open(group.Rank);
            bits[group.Rank] = Bits(device, loss, clips, parts, imagesInAPart, group);
        });
        return bits;
    }

    // Losses, weights and optimizer states after some steps with dropout.
    private static uint[] Bits(Device device, Loss loss, bool clips, int parts, int imagesInAPart, ProcessGroup? group)
    {
        using var net = new StepNetwork(device, adam: clips);
        using var weights = new ClassWeights(device, [1f, 0.5f, 2f, 0f, 3f]);
        using RecordedStep step = Make(net, loss, weights, group, parts, imagesInAPart, clips);
        float[] losses = [.. Enumerable.Range(0, Steps).Select(i => Run(step, (ulong)i, parts, group))];
        return [.. losses.Concat(net.Everything().SelectMany(v => v)).Select(BitConverter.SingleToUInt32Bits)];
    }

    // A step that begins with gradients of a pass of one's own, among them one of a parameter that the step does not use.
    private static float[][] AfterOwnBackward(ProcessGroup? group, int parts)
    {
        using Device device = TestDevices.Cpu(1);
        using var net = new StepNetwork(device, adam: false);
        using var rare = new Parameter("rare", Tensor.FromArray(device, Shape.Scalar, [1f]));
        using var optimizer = new Sgd([.. net.Optimizer.Parameters, rare]);
        using var step = new RecordedStep(StepNetwork.InputShape with { N = parts }, StepNetwork.LabelSize, optimizer, net.Loss, StepNetwork.Seed, parts, group);
        using (Tape tape = Tape.Record())
        {
            using Tensor x = Tensor.FromChannelsLast(device, StepNetwork.InputShape, StepNetwork.Input(9));
            tape.Backward(Ops.Add(net.Loss(x, net.FixedLabels, ForwardContext.Training(1, 1)), Ops.Scale(rare.Value, 0.5f)));
        }

        float loss = Run(step, 0, parts, group);
        return [[loss], rare.Value.ToArray(), .. net.Everything()];
    }

    private static RecordedStep Make(StepNetwork net, Loss loss, ClassWeights? weights, ProcessGroup? group, int parts, int imagesInAPart, bool clips = false)
    {
        Func<Tensor, LabelMap, ForwardContext, Tensor> compute = loss switch
        {
            Loss.Weighted => (x, labels, context) => Ops.SoftmaxCrossEntropy(net.Scores(x, context), labels, weights!),
            Loss.Focal => (x, labels, context) => Ops.FocalLoss(net.Scores(x, context), labels, 2f, weights),
            Loss.Dice => (x, labels, context) => Ops.DiceLoss(net.Scores(x, context), labels),
            Loss.EveryParameterUsedTwice => (x, labels, context) => Ops.Add(net.Loss(x, labels, context), net.Loss(Ops.Scale(x, 0.5f), labels, context)),
            _ => net.Loss,
        };
        return new RecordedStep(StepNetwork.InputShape with { N = parts * imagesInAPart }, StepNetwork.LabelSize, net.Optimizer, compute, StepNetwork.Seed, parts, group)
        {
            ClipNorm = clips ? 0.1f : null,
        };
    }

    private static float Run(RecordedStep step, ulong number, int parts, ProcessGroup? group = null)
    {
        int images = step.InputShape.N;
        return step.Run(number, Own(StepNetwork.Input(number, images), step, group, parts), Own(StepNetwork.Labels(number, images), step, group, parts), StepNetwork.Rate(number));
    }

    // This process's stretch of the images.
    private static T[] Own<T>(T[] whole, RecordedStep step, ProcessGroup? group, int parts)
    {
        int ofAnImage = whole.Length / step.InputShape.N;
        int first = parts * (group?.Rank ?? 0) / (group?.Size ?? 1) * (step.InputShape.N / parts);
        return whole.AsSpan(first * ofAnImage, step.OwnShape.N * ofAnImage).ToArray();
    }

    private static Tensor WhenBackward(Tensor x, Action action)
    {
        Tensor y = Tape.NewOutput(x, x.Shape);
        x.Backend.Copy(x.Buffer, y.Buffer, x.Shape.Count * sizeof(float));
        Tape.RecordNode(y, [x], (_, gradients) =>
        {
            action();
            gradients.Give(0);
        });
        return y;
    }
}
