using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class SoftmaxCrossEntropyTests(Device device)
{
    private const byte Void = 255;

    [Test]
    public void MatchesDefinition([Values(1, 2, 7, 8, 9, 11, 21, 30, 31, 32, 33, 45, 64, 65)] int channels)
    {
        var shape = new Shape(2, channels, 3, 4);
        byte[] labels = RandomLabels(shape);
        using LabelMap map = LabelMap.FromArray(device, shape.N, shape.H, shape.W, labels);
        OperatorCheck.Verify(
            device, t => Ops.SoftmaxCrossEntropy(t[0], map), a => Reference(a[0], labels, Void), Array4.Random(shape, "scores", scale: 3));
    }

    [Test]
    public void AnyLabelCanBeVoid()
    {
        // CamVid as distributed has 11 classes and void = 11.
        var shape = new Shape(1, 11, 2, 3);
        byte[] labels = [0, 11, 10, 3, 11, 7];
        using LabelMap map = LabelMap.FromArray(device, 1, 2, 3, labels);
        OperatorCheck.Verify(
            device, t => Ops.SoftmaxCrossEntropy(t[0], map, ignoreLabel: 11), a => Reference(a[0], labels, 11), Array4.Random(shape, "camvid"));
    }

    [Test]
    public void AVoidLabelBelowTheClassCountIsIgnored()
    {
        byte[] labels = [0, 1, 2, 1];
        using LabelMap map = LabelMap.FromArray(device, 1, 2, 2, labels);
        OperatorCheck.Verify(
            device, t => Ops.SoftmaxCrossEntropy(t[0], map, ignoreLabel: 0), a => Reference(a[0], labels, 0), Array4.Random(new Shape(1, 3, 2, 2), "background"));
    }

    [Test]
    public void NothingValidGivesZeroLossAndZeroGradient()
    {
        using var scores = new Parameter("scores", Array4.Random(new Shape(1, 5, 2, 2), "void").ToTensor(device));
        using LabelMap labels = LabelMap.FromArray(device, 1, 2, 2, [Void, Void, Void, Void]);
        using Tape tape = Tape.Record();
        Tensor loss = Ops.SoftmaxCrossEntropy(scores.Value, labels);
        tape.Backward(loss);
        Assert.That(loss.Item(), Is.Zero);
        Assert.That(scores.Gradient!.ToArray(), Is.All.Zero);
    }

    [Test]
    public void UniformScoresCostTheLogarithmOfTheClassCount()
    {
        using var scores = Tensor.Zeros(device, new Shape(1, 19, 50, 70));
        using LabelMap labels = LabelMap.FromArray(device, 1, 50, 70, new byte[50 * 70]);
        using Tensor loss = Ops.SoftmaxCrossEntropy(scores, labels);
        Assert.That(loss.Item(), Is.EqualTo((float)Math.Log(19)).Within(2e-7));
    }

    [Test]
    public void NaNAnywhereMakesTheLossNaN([Values(3, 21, 24, 40)] int channels)
    {
        using LabelMap labels = LabelMap.FromArray(device, 1, 1, 2, [1, 0]);
        for (int c = 0; c < channels; c++)
        {
            float[] values = [.. Enumerable.Range(0, 2 * channels).Select(i => i % 5f)];
            values[2 * c] = float.NaN;
            using Tensor scores = Tensor.FromArray(device, new Shape(1, channels, 1, 2), values);
            using Tensor loss = Ops.SoftmaxCrossEntropy(scores, labels);
            Assert.That(loss.Item(), Is.NaN, $"channel {c}");
        }
    }

    [Test]
    public void PositionsOfManyThreadsDoNotTouch([Values(5, 11, 21, 29)] int channels)
    {
        var shape = new Shape(1, channels, 53, 59);
        byte[] labels = RandomLabels(shape);
        using var scores = new Parameter("scores", Array4.Random(shape, "many", scale: 3).ToTensor(device));
        using LabelMap map = LabelMap.FromArray(device, 1, shape.H, shape.W, labels);
        using Tape tape = Tape.Record();
        tape.Backward(Ops.SoftmaxCrossEntropy(scores.Value, map));
        using Tensor probabilities = Ops.Softmax(scores.Value);
        float[] expected = probabilities.ToArray();
        int valid = labels.Count(label => label != Void);
        for (int p = 0; p < labels.Length; p++)
        {
            for (int c = 0; c < channels; c++)
            {
                int at = (c * labels.Length) + p;
                expected[at] = labels[p] == Void ? 0f : (expected[at] - (labels[p] == c ? 1f : 0f)) / valid;
            }
        }

        Assert.That(scores.Gradient!.ToArray(), Is.EqualTo(expected).Within(1e-6 / valid));
    }

    [Test]
    public void TheGradientScalesWithTheUpstreamOne()
    {
        using var scores = new Parameter("scores", Array4.Random(new Shape(1, 3, 2, 2), "upstream").ToTensor(device));
        using LabelMap labels = LabelMap.FromArray(device, 1, 2, 2, [0, 1, 2, Void]);
        float[] once = GradientOf(loss => loss);
        float[] twice = GradientOf(loss => Ops.Add(loss, loss));
        Assert.That(twice, Is.EqualTo(Array.ConvertAll(once, g => 2 * g)));

        float[] GradientOf(Func<Tensor, Tensor> then)
        {
            scores.ClearGradient();
            using Tape tape = Tape.Record();
            tape.Backward(then(Ops.SoftmaxCrossEntropy(scores.Value, labels)));
            return scores.Gradient!.ToArray();
        }
    }

    [Test]
    public void NamesTheLabelThatIsNoClass()
    {
        using var scores = Tensor.Zeros(device, new Shape(2, 3, 2, 4));
        byte[] labels = new byte[16];
        labels[8 + 4 + 2] = 3;
        labels[15] = 3;
        using LabelMap map = LabelMap.FromArray(device, 2, 2, 4, labels);
        Assert.That(
            () => Ops.SoftmaxCrossEntropy(scores, map),
            Throws.ArgumentException.With.Message.Contains("label 3 at row 1, column 2 of image 1 (and 1 more) is not a class: the scores have classes 0 to 2"));
    }

    [Test]
    public void RefusesLabelsOfAnotherSize()
    {
        using var scores = Tensor.Zeros(device, new Shape(1, 3, 2, 4));
        using LabelMap labels = LabelMap.FromArray(device, 1, 4, 2, new byte[8]);
        Assert.That(
            () => Ops.SoftmaxCrossEntropy(scores, labels),
            Throws.ArgumentException.With.Message.Contains("[1, 3, 2, 4] need labels [1, 2, 4]; they were [1, 4, 2]"));
    }

    [Test]
    public void RefusesLabelsOfAnotherDevice()
    {
        using var other = Device.CreateCpu(1);
        using var scores = Tensor.Zeros(device, new Shape(1, 3, 1, 1));
        using LabelMap labels = LabelMap.FromArray(other, 1, 1, 1, [0]);
        Assert.That(() => Ops.SoftmaxCrossEntropy(scores, labels), Throws.ArgumentException);
    }

    private static byte[] RandomLabels(Shape shape)
    {
        var random = new RandomSequence(3, "labels");
        return [.. Enumerable.Range(0, (int)shape.Positions).Select(i => i % 5 == 2 ? Void : (byte)random.NextInt32(shape.C))];
    }

    private static Array4 Reference(Array4 scores, byte[] labels, int ignoreLabel)
    {
        double sum = 0;
        int valid = 0;
        Array4.From(scores.Shape with { C = 1 }, (n, _, h, w) =>
        {
            int label = labels[(((n * scores.Shape.H) + h) * scores.Shape.W) + w];
            if (label != ignoreLabel)
            {
                sum += Math.Log(Enumerable.Range(0, scores.Shape.C).Sum(k => Math.Exp(scores[n, k, h, w] - scores[n, label, h, w])));
                valid++;
            }

            return 0;
        });
        return new Array4(Shape.Scalar, [sum / valid]);
    }
}
