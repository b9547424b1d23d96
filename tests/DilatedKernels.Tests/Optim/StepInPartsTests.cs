using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

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
