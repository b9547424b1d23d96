using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

/// <summary>The focal loss and the weighted cross-entropy, which is one with an exponent of 0.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class FocalLossTests(Device device)
{
    private const byte Void = 255;

    [Test]
    public void MatchesDefinition([Values(1, 2, 8, 9, 21, 33, 64, 65, 100)] int channels, [Values(0f, 0.5f, 1f, 2f, 5f)] float gamma, [Values] bool weighted)
    {
        var shape = new Shape(2, channels, 3, 4);
        byte[] labels = RandomLabels(shape);
        float[] values = [.. Enumerable.Range(0, channels).Select(c => c == 1 ? 0f : 0.25f + (c % 7))];
        using LabelMap map = LabelMap.FromArray(device, shape.N, shape.H, shape.W, labels);
        using ClassWeights? weights = weighted ? new ClassWeights(device, values) : null;
        Array4 scores = Array4.Random(shape, "scores", scale: 3);
        if (channels == 1)
        {
            // One class is always right: there is nothing to lose, and no error relative to nothing.
            using Tensor loss = Ops.FocalLoss(scores.ToTensor(device), map, gamma, weights);
            Assert.That(loss.Item(), Is.Zero);
            return;
        }

        OperatorCheck.Verify(device, t => Ops.FocalLoss(t[0], map, gamma, weights), a => Reference(a[0], labels, Void, gamma, weighted ? values : null), scores);
    }

    [Test]
    public void AWeightedCrossEntropyIsOneWithoutFocus()
    {
        var shape = new Shape(1, 11, 2, 3);
        byte[] labels = [0, 11, 10, 3, 11, 7];
        float[] values = [.. Enumerable.Range(0, 11).Select(c => 0.5f + c)];
        using LabelMap map = LabelMap.FromArray(device, 1, 2, 3, labels);
        using var weights = new ClassWeights(device, values);
        OperatorCheck.Verify(
            device, t => Ops.SoftmaxCrossEntropy(t[0], map, weights, ignoreLabel: 11), a => Reference(a[0], labels, 11, 0, values), Array4.Random(shape, "camvid"));
    }

    [Test]
    public void EqualWeightsAreNone([Values(21, 70)] int channels)
    {
        var shape = new Shape(2, channels, 3, 4);
        using LabelMap map = LabelMap.FromArray(device, shape.N, shape.H, shape.W, RandomLabels(shape));
        using var weights = new ClassWeights(device, [.. Enumerable.Repeat(0.3f, channels)]);
        Array4 values = Array4.Random(shape, "equal", scale: 3);
        (float loss, float[] gradient) = Run(values, scores => Ops.SoftmaxCrossEntropy(scores, map, weights));
        (float plain, float[] plainGradient) = Run(values, scores => Ops.SoftmaxCrossEntropy(scores, map));
        Assert.That(loss, Is.EqualTo(plain).Within(1e-6 * plain));
        Assert.That(OperatorCheck.RelativeError(gradient, Array.ConvertAll(plainGradient, g => (double)g)), Is.LessThan(1e-6));
    }

    [Test]
    public void APixelThatIsNearlyRightKeepsItsDigits([Values(3, 70)] int channels)
    {
        // q is 1 - 2e-7 or so, which float32 cannot tell from 1 by much.
        var shape = new Shape(1, channels, 1, 1);
        Array4 scores = Array4.From(shape, (_, c, _, _) => c == 1 ? 16 + Math.Log(channels) : 0);
        using LabelMap map = LabelMap.FromArray(device, 1, 1, 1, [1]);
        OperatorCheck.Verify(device, t => Ops.FocalLoss(t[0], map, gamma: 1), a => Reference(a[0], [1], Void, 1, null), scores);
    }

    [Test]
    public void ScoresFarApartAreSafe([Values(3, 70)] int channels, [Values(0f, 2f)] float gamma)
    {
        var shape = new Shape(1, channels, 1, 2);
        Array4 values = Array4.From(shape, (_, c, _, _) => c == 0 ? 500 : -500);
        using LabelMap map = LabelMap.FromArray(device, 1, 1, 2, [0, 1]);
        (float loss, float[] gradient) = Run(values, scores => Ops.FocalLoss(scores, map, gamma));
        Assert.That(loss, Is.EqualTo(500).Within(1e-3), "nothing for the pixel that is right, 1000 for the other");
        Assert.That(gradient.Select(g => (double)g), Is.All.InRange(-0.51 * (1 + (gamma * 1e-3)), 0.51 * (1 + (gamma * 1e-3))));
    }

    [Test]
    public void NothingThatCountsGivesZeroLossAndZeroGradient([Values] bool isVoid)
    {
        using var weights = new ClassWeights(device, [0f, 1f, 1f, 1f, 1f]);
        using LabelMap labels = LabelMap.FromArray(device, 1, 2, 2, isVoid ? [Void, Void, Void, Void] : [0, 0, 0, 0]);
        (float loss, float[] gradient) = Run(Array4.Random(new Shape(1, 5, 2, 2), "void"), scores => Ops.FocalLoss(scores, labels, 2, weights));
        Assert.That(loss, Is.Zero);
        Assert.That(gradient, Is.All.Zero);
    }

    [Test]
    public void IsComputedWithoutAGradientToo()
    {
        var shape = new Shape(1, 3, 2, 2);
        byte[] labels = [0, 1, 2, Void];
        Array4 values = Array4.Random(shape, "prediction");
        using Tensor scores = values.ToTensor(device);
        using LabelMap map = LabelMap.FromArray(device, 1, 2, 2, labels);
        using Tensor loss = Ops.FocalLoss(scores, map, 2);
        Assert.That(OperatorCheck.RelativeError(loss.ToArray(), Reference(values, labels, Void, 2, null).Values), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void RefusesWhatItCannotUse()
    {
        using var scores = Tensor.Zeros(device, new Shape(1, 3, 1, 1));
        using LabelMap labels = LabelMap.FromArray(device, 1, 1, 1, [0]);
        using var two = new ClassWeights(device, [1f, 2f]);
        using Device other = Device.CreateCpu(1);
        using var elsewhere = new ClassWeights(other, [1f, 2f, 3f]);
        Assert.That(() => Ops.FocalLoss(scores, labels, -1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("gamma is 0 or more"));
        Assert.That(() => Ops.FocalLoss(scores, labels, float.NaN), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Ops.FocalLoss(scores, labels, 2, two), Throws.ArgumentException.With.Message.Contains("need 3 class weights there; there were 2"));
        Assert.That(() => Ops.SoftmaxCrossEntropy(scores, labels, elsewhere), Throws.ArgumentException.With.Message.Contains("class weights"));
        Assert.That(() => new ClassWeights(device, [1f, -1f]), Throws.ArgumentException.With.Message.Contains("that of class 1 was -1"));
        Assert.That(() => new ClassWeights(device, [1f, float.NaN]), Throws.ArgumentException);
        Assert.That(() => new ClassWeights(device, [0f, 0f]), Throws.ArgumentException.With.Message.Contains("At least one class"));
        Assert.That(() => new ClassWeights(device, []), Throws.ArgumentException);
    }

    private (float Loss, float[] Gradient) Run(Array4 values, Func<Tensor, Tensor> loss)
    {
        using var scores = new Parameter("scores", values.ToTensor(device));
        using Tape tape = Tape.Record();
        Tensor value = loss(scores.Value);
        tape.Backward(value);
        return (value.Item(), scores.Gradient!.ToArray());
    }

    private static byte[] RandomLabels(Shape shape)
    {
        var random = new RandomSequence(3, "labels");
        return [.. Enumerable.Range(0, (int)shape.Positions).Select(i => i % 5 == 2 ? Void : (byte)random.NextInt32(shape.C))];
    }

    /// <summary>0 times infinity is not a number; a class that does not count has no say in it, be its scores what they may.</summary>
    [Test]
    public void AClassWithoutWeightIsAsGoodAsVoid([Values(5, 60)] int classes, [Values(0f, 2f)] float gamma, [Values(float.NegativeInfinity, float.NaN)] float score)
    {
        float[] values = new float[2 * classes];
        values[0] = score;
        using var weights = new ClassWeights(device, [0f, .. Enumerable.Repeat(1f, classes - 1)]);
        (float loss, float[] gradient) = Of(0);
        Assert.That(loss, Is.Positive.And.LessThan(Math.Log(classes) + 1e-5));
        (float expected, float[] expectedGradient) = Of(255);
        Assert.That(loss, Is.EqualTo(expected));
        Assert.That(gradient, Is.EqualTo(expectedGradient));

        (float Loss, float[] Gradient) Of(byte label)
        {
            using var scores = new Parameter("scores", Tensor.FromChannelsLast(device, new Shape(1, classes, 1, 2), values));
            using LabelMap labels = LabelMap.FromArray(device, 1, 1, 2, [label, 1]);
            using Tape tape = Tape.Record();
            Tensor loss = Ops.FocalLoss(scores.Value, labels, gamma, weights);
            tape.Backward(loss);
            return (loss.Item(), scores.Gradient!.ToArray());
        }
    }

    private static Array4 Reference(Array4 scores, byte[] labels, int ignoreLabel, double gamma, float[]? weights)
    {
        double sum = 0;
        double total = 0;
        Array4.From(scores.Shape with { C = 1 }, (n, _, h, w) =>
        {
            int label = labels[(((n * scores.Shape.H) + h) * scores.Shape.W) + w];
            if (label != ignoreLabel)
            {
                double weight = weights?[label] ?? 1;
                double others = Enumerable.Range(0, scores.Shape.C).Where(k => k != label).Sum(k => Math.Exp(scores[n, k, h, w] - scores[n, label, h, w]));
                sum += weight * Math.Pow(others / (1 + others), gamma) * Math.Log(1 + others);
                total += weight;
            }

            return 0;
        });
        return new Array4(Shape.Scalar, [sum / total]);
    }
}
