using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;
using DilatedKernels.Tests.Tensors;

namespace DilatedKernels.Tests.Optim;

/// <summary>A step whose images are computed some at a time, against the same step in one piece.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class StepInPartsTests(Device device)
{
    private static readonly Shape s_input = new(6, 3, 5, 4);
    private static readonly Size2 s_labels = new(5, 4);

    [Test]
    public void PartsAddUpToTheWhole([Values(2, 3, 6)] int parts)
    {
        // Void is uneven, and the last image has nothing else: a mean of the parts' means would be another number.
        byte[] labels = Labels(image => image == 5 ? 1.0 : 0.15 * image);
        (float[] Losses, double[] Weights) whole = Train(1, labels), cut = Train(parts, labels);
        Assert.That(cut.Losses, Is.EqualTo(whole.Losses).Within(1e-6));
        Assert.That(OperatorCheck.RelativeError(Array.ConvertAll(cut.Weights, w => (float)w), whole.Weights), Is.LessThan(1e-6));
    }

    [Test]
    public void GradientsAreAddedInTheOrderOfATree()
    {
        const int Parts = 6;
        byte[] labels = Labels(_ => 0.2);
        (float Loss, float[] Gradient)[] p = PartByPart(Parts, labels);
        float[] expected = Add(Add(Add(p[0], p[1]), Add(p[2], p[3])), Add(p[4], p[5])).Gradient;
        Assert.That(expected, Is.Not.EqualTo(Add(Add(Add(Add(Add(p[0], p[1]), p[2]), p[3]), p[4]), p[5]).Gradient), "another order would give other bits");

        using Network net = new(device);
        float[] before = net.Optimizer.Parameters[0].Value.ToArray();
        using var step = new RecordedStep(s_input, s_labels, net.Optimizer, net.Loss, seed: 5, Parts);
        float loss = step.Run(0, Input(0), labels, learningRate: 1f);
        Assert.That(loss, Is.EqualTo(((p[0].Loss + p[1].Loss) + (p[2].Loss + p[3].Loss)) + (p[4].Loss + p[5].Loss)));
        Assert.That(net.Optimizer.Parameters[0].Value.ToArray(), Is.EqualTo(before.Zip(expected, (w, g) => w - g)));
    }

    [Test]
    public void AStepThatFailsLeavesNothingBehind([Range(0, 4)] int at)
    {
        using Network net = new(device);
        int fails = -1, calls = 0;
        using var step = new RecordedStep(s_input with { N = 5 }, s_labels, net.Optimizer, Loss, seed: 5, parts: 5);
        byte[] labels = Labels(_ => 0)[..(5 * 5 * 4)];
        float[] input = Input(0)[..(5 * 3 * 5 * 4)];
        step.Run(0, input, labels, 0.1f);
        float[] before = net.Optimizer.Parameters[0].Value.ToArray();
        LeftOver.GiveBack(device);
        long live = device.Memory.LiveBytes;
        (fails, calls) = (at, 0);
        Assert.That(() => step.Run(1, input, labels, 0.1f), Throws.InvalidOperationException.With.Message.EqualTo("mine"));
        Assert.That(device.Memory.LiveBytes, Is.EqualTo(live));
        Assert.That(net.Optimizer.Parameters[0].Value.ToArray(), Is.EqualTo(before));
        Assert.That(net.Optimizer.Parameters[0].Gradient, Is.Null);
        fails = -1;
        step.Run(1, input, labels, 0.1f);

        using Network other = new(device);
        using var whole = new RecordedStep(s_input with { N = 5 }, s_labels, other.Optimizer, other.Loss, seed: 5, parts: 5);
        whole.Run(0, input, labels, 0.1f);
        whole.Run(1, input, labels, 0.1f);
        Assert.That(net.Optimizer.Parameters[0].Value.ToArray(), Is.EqualTo(other.Optimizer.Parameters[0].Value.ToArray()));

        Tensor Loss(Tensor x, LabelMap map, ForwardContext context)
        {
            Tensor loss = net.Loss(x, map, context);
            return calls++ == fails ? throw new InvalidOperationException("mine") : loss;
        }
    }

    [Test]
    public void EveryPartDrawsItsOwnRandomNumbers()
    {
        using Network net = new(device);
        var seen = new List<(ulong Seed, ulong Step)>();
        using var step = new RecordedStep(s_input, s_labels, net.Optimizer, Loss, seed: 5, parts: 3);
        step.Run(0, Input(0), Labels(_ => 0), 0.1f);
        step.Run(1, Input(1), Labels(_ => 0), 0.1f);
        Assert.That(seen.Distinct().Take(6), Is.EqualTo(Enumerable.Range(0, 6).Select(i => (5UL, (ulong)i))));

        Tensor Loss(Tensor x, LabelMap labels, ForwardContext context)
        {
            seen.Add((context.Seed, context.Step));
            return net.Loss(x, labels, context);
        }
    }

    [Test]
    public void RefusesPartsThatAreNotOfOneSize()
    {
        using Network net = new(device);
        Assert.That(() => Make(4), Throws.ArgumentException.With.Message.Contains("A step of 6 images cannot be cut into 4 parts"));
        Assert.That(() => Make(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        using RecordedStep step = Make(3);
        Assert.That(
            () => step.Run(0, Input(0).AsSpan(1), Labels(_ => 0), 0.1f),
            Throws.ArgumentException.With.Message.Contains("takes 360 values and 120 labels, but 359 and 120 were given"));
        Assert.That(
            () => new RecordedStep(s_input, s_labels, net.Optimizer, net.Loss, seed: 5) { ClipNorm = 0 }.Dispose(),
            Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("more than 0 and finite"));

        RecordedStep Make(int parts) => new(s_input, s_labels, net.Optimizer, net.Loss, seed: 5, parts);
    }

    private (float[] Losses, double[] Weights) Train(int parts, byte[] labels)
    {
        using Network net = new(device);
        using var step = new RecordedStep(s_input, s_labels, net.Optimizer, net.Loss, seed: 5, parts);
        float[] losses = [.. Enumerable.Range(0, 4).Select(i => step.Run((ulong)i, Input(i), labels, 0.2f))];
        return (losses, [.. net.Optimizer.Parameters.SelectMany(p => p.Value.ToArray()).Select(w => (double)w)]);
    }

    // The gradients of a step's parts, each by itself.
    private (float Loss, float[] Gradient)[] PartByPart(int parts, byte[] labels)
    {
        using Network net = new(device);
        int images = s_input.N / parts;
        int positions = images * s_labels.Height * s_labels.Width;
        int values = images * s_input.C * s_input.H * s_input.W;
        LabelMap[] maps = [.. Enumerable.Range(0, parts).Select(i => LabelMap.FromArray(device, images, s_labels.Height, s_labels.Width, labels.AsSpan(i * positions, positions)))];
        LabelMap.Join(maps, parts);
        var results = new (float, float[])[parts];
        for (int i = 0; i < parts; i++)
        {
            using Tensor x = Tensor.FromChannelsLast(device, s_input with { N = images }, Input(0).AsSpan(i * values, values));
            using Tape tape = Tape.Record();
            Tensor loss = net.Loss(x, maps[i], ForwardContext.Training(5, (ulong)i));
            tape.Backward(loss);
            results[i] = (loss.Item(), net.Optimizer.Parameters[0].Gradient!.ToArray());
            net.Optimizer.ClearGradients();
            maps[i].Dispose();
        }

        return results;
    }

    private static (float Loss, float[] Gradient) Add((float Loss, float[] Gradient) left, (float Loss, float[] Gradient) right) =>
        (left.Loss + right.Loss, [.. left.Gradient.Zip(right.Gradient, (a, b) => a + b)]);

    private static float[] Input(int step) => Array4.Random(s_input, $"parts {step}").ToSingle();

    private static byte[] Labels(Func<int, double> share)
    {
        var random = new RandomSequence(9, "labels of parts");
        int positions = s_labels.Height * s_labels.Width;
        return [.. Enumerable.Range(0, s_input.N * positions).Select(i => random.NextInt32(1000) < 1000 * share(i / positions) ? (byte)255 : (byte)random.NextInt32(4))];
    }

    private sealed class Network : IDisposable
    {
        private readonly Parameter _weight;

        public Network(Device device)
        {
            _weight = new Parameter("weight", Array4.Random(new Shape(4, 3, 3, 3), "weight").ToTensor(device));
            Optimizer = new Sgd([_weight]);
        }

        public Optimizer Optimizer { get; }

        public Tensor Loss(Tensor x, LabelMap labels, ForwardContext context) =>
            Ops.SoftmaxCrossEntropy(Ops.Conv2d(x, _weight.Value, options: new Conv2dOptions { Padding = 1 }), labels);

        public void Dispose()
        {
            Optimizer.Dispose();
            _weight.Dispose();
        }
    }
}
