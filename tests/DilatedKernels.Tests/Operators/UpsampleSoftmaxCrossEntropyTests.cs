using DilatedKernels.Backends.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

/// <summary>Upsampling with cross-entropy in one, against the definition and against the two operators one after the other.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class UpsampleSoftmaxCrossEntropyTests(Device device)
{
    private const byte Void = 255;

    private static readonly BilinearAlignment[] Alignments = Enum.GetValues<BilinearAlignment>();

    [Test, Combinatorial]
    public void MatchesDefinition([Values(1, 2, 8, 9, 16, 21, 24, 25, 32, 33, 48, 64)] int channels, [Values] bool weighted)
    {
        if (channels == 1)
        {
            // One class is always right: there is nothing to lose, and no error relative to nothing.
            (float loss, float[] gradient) = Run(Array4.Random(new Shape(1, 1, 2, 3), "one"), scores => Fused(scores, new byte[40], 5, 8));
            Assert.That((loss, gradient.Max(Math.Abs)), Is.EqualTo((0f, 0f)));
            return;
        }

        Check(BilinearAlignment.HalfPixel, new Shape(2, channels, 2, 3), 5, 8, weighted);
    }

    [Test]
    public void MatchesDefinitionOfManyClasses([Values(65, 96, 97, 150, 256, 257)] int channels) => Check(BilinearAlignment.HalfPixel, new Shape(1, channels, 1, 2), 2, 3, weighted: true);

    // Same size, times eight, one row, one output, smaller, prime against prime, and more outputs between two inputs than a block has threads.
    [Test, Combinatorial]
    public void MatchesDefinitionAtEverySize(
        [ValueSource(nameof(Alignments))] BilinearAlignment alignment,
        [Values("4 5 4 5", "3 2 24 16", "1 3 5 3", "5 4 1 1", "9 7 4 2", "5 7 11 13", "1 1 6 6", "1 2 2 300")] string sizes)
    {
        int[] s = [.. sizes.Split(' ').Select(int.Parse)];
        Check(alignment, new Shape(1, 3, s[0], s[1]), s[2], s[3], weighted: false);
    }

    [Test]
    public void MatchesTheDefinitionOfADeconvolution([Values(1, 2, 3, 8)] int scale, [Values] bool weighted)
    {
        var shape = new Shape(2, 5, 3, 4);
        (int height, int width) = (scale * shape.H, scale * shape.W);
        byte[] labels = RandomLabels(shape, height, width);
        float[] values = Weights(shape.C);
        using LabelMap map = LabelMap.FromArray(device, shape.N, height, width, labels);
        using ClassWeights? weights = weighted ? new ClassWeights(device, values) : null;
        OperatorCheck.Verify(
            device, t => Ops.DeconvolutionSoftmaxCrossEntropy(t[0], map, scale, weights),
            a => Reference(a[0], labels, height, width, Void, weighted ? values : null, Fading),
            Array4.Random(shape, "deconvolution", scale: 3));

        // What lies outside the map is zero.
        (int First, double Weight0, double Weight1) Fading(int o, int inExtent, int outExtent)
        {
            double at = ((o + 0.5) / scale) - 0.5;
            int first = (int)Math.Floor(at);
            return (first, first < 0 ? 0 : 1 - (at - first), first + 1 >= inExtent ? 0 : at - first);
        }
    }

    // Large enough for several bands and tiles, whose borders no sum may show.
    [Test]
    public void HasTheGradientOfTheTwoOperators([ValueSource(nameof(Alignments))] BilinearAlignment alignment, [Values(3, 21, 40)] int channels, [Values] bool weighted)
    {
        var shape = new Shape(2, channels, 19, 23);
        (int height, int width) = TestDevices.IsHost(device) ? (40, 60) : (151, 170);
        Array4 values = Array4.Random(shape, "two operators", scale: 3);
        using LabelMap labels = LabelMap.FromArray(device, shape.N, height, width, RandomLabels(shape, height, width));
        using ClassWeights? weights = weighted ? new ClassWeights(device, Weights(channels)) : null;
        (float loss, float[] gradient) = Run(values, scores => Ops.UpsampleSoftmaxCrossEntropy(scores, labels, alignment, weights));
        (float expectedLoss, float[] expected) = Run(values, scores =>
        {
            Tensor large = Ops.UpsampleBilinear(scores, height, width, alignment);
            return weights is null ? Ops.SoftmaxCrossEntropy(large, labels) : Ops.SoftmaxCrossEntropy(large, labels, weights);
        });
        Assert.That(loss, Is.EqualTo(expectedLoss).Within(2).Ulps);
        if (device.Backend is CudaBackend)
        {
            Assert.That(OperatorCheck.RelativeError(gradient, Array.ConvertAll(expected, g => (double)g)), Is.LessThan(1e-6));
        }
        else
        {
            Assert.That(gradient, Is.EqualTo(expected), "the processor adds in the same order");
        }
    }

    [Test]
    public void NeedsLessMemoryThanTheEnlargedScores([Values(3, 21)] int channels)
    {
        // The most that is in use is counted from a device's beginning.
        using Device fresh = TestDevices.IsHost(device) ? HostDevice.Open(HostDriver.TryOpen("plain", out _)!) : device.IsCpu ? TestDevices.Cpu(2) : Device.CreateCuda();
        var shape = new Shape(1, channels, 10, 12);
        using LabelMap labels = LabelMap.FromArray(fresh, 1, 80, 96, new byte[80 * 96]);
        using var scores = new Parameter("scores", Array4.Random(shape, "memory").ToTensor(fresh));
        using Tape tape = Tape.Record();
        tape.Backward(Ops.UpsampleSoftmaxCrossEntropy(scores.Value, labels));
        Assert.That(fresh.Memory.PeakBytes, Is.LessThan(64L * shape.Count * sizeof(float) / 2), "half of the enlarged scores");
    }

    [Test]
    public void AnyLabelCanBeVoid()
    {
        // CamVid as distributed has 11 classes and void = 11; a class can be void as well.
        foreach (int ignored in new[] { 11, 0 })
        {
            var shape = new Shape(1, 12 - (ignored == 11 ? 1 : 0), 2, 3);
            byte[] labels = [.. RandomLabels(shape, 5, 6).Select((label, i) => label == Void || i % 4 == 1 ? (byte)ignored : label)];
            OperatorCheck.Verify(
                device, t => Fused(t[0], labels, 5, 6, ignored), a => Reference(a[0], labels, 5, 6, ignored, null, Clamped(BilinearAlignment.HalfPixel)), Array4.Random(shape, "camvid"));
        }
    }

    [Test]
    public void NothingThatCountsGivesZeroLossAndZeroGradient([Values] bool isVoid)
    {
        using var weights = new ClassWeights(device, [0f, 1f, 1f, 1f, 1f]);
        byte[] labels = [.. Enumerable.Repeat(isVoid ? Void : (byte)0, 30)];
        (float loss, float[] gradient) = Run(Array4.Random(new Shape(1, 5, 2, 2), "void"), scores => Fused(scores, labels, 5, 6, Void, weights));
        Assert.That(loss, Is.Zero);
        Assert.That(gradient, Is.All.Zero);
    }

    [Test]
    public void ScoresFarApartAreSafe([Values(3, 70)] int channels)
    {
        var shape = new Shape(1, channels, 1, 2);
        Array4 values = Array4.From(shape, (_, c, _, _) => c == 0 ? 500 : -500);
        (float loss, float[] gradient) = Run(values, scores => Fused(scores, [0, 1, 0, 1], 1, 4));
        Assert.That(loss, Is.EqualTo(500).Within(1e-3), "nothing for the pixels that are right, 1000 for the others");
        Assert.That(gradient.Select(g => (double)g), Is.All.InRange(-0.51, 0.51));
    }

    [Test]
    public void IsComputedWithoutAGradientToo([Values(3, 70)] int channels)
    {
        var shape = new Shape(2, channels, 4, 5);
        byte[] labels = RandomLabels(shape, 13, 11);
        Array4 values = Array4.Random(shape, "prediction");
        using Tensor scores = values.ToTensor(device);
        using LabelMap map = LabelMap.FromArray(device, 2, 13, 11, labels);
        using Tensor loss = Ops.UpsampleSoftmaxCrossEntropy(scores, map);
        double[] expected = Reference(values, labels, 13, 11, Void, null, Clamped(BilinearAlignment.HalfPixel)).Values;
        Assert.That(OperatorCheck.RelativeError(loss.ToArray(), expected), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void RefusesWhatDoesNotFit()
    {
        using var scores = Tensor.Zeros(device, new Shape(1, 3, 2, 4));
        using var empty = Tensor.Zeros(device, new Shape(1, 3, 0, 4));
        using LabelMap labels = LabelMap.FromArray(device, 1, 4, 2, new byte[8]);
        using LabelMap two = LabelMap.FromArray(device, 2, 4, 8, new byte[64]);
        using LabelMap none = LabelMap.FromArray(device, 1, 0, 8, []);
        using LabelMap noClass = LabelMap.FromArray(device, 1, 1, 2, [2, 3]);
        using var weights = new ClassWeights(device, [1f, 2f]);
        Assert.That(() => Ops.DeconvolutionSoftmaxCrossEntropy(scores, labels, 2), Throws.ArgumentException.With.Message.Contains("[1, 3, 2, 4] need labels [1, 4, 8]; they were [1, 4, 2]"));
        Assert.That(() => Ops.UpsampleSoftmaxCrossEntropy(scores, two), Throws.ArgumentException.With.Message.Contains("need labels [1, 4, 8]; they were [2, 4, 8]"));
        Assert.That(() => Ops.UpsampleSoftmaxCrossEntropy(scores, none), Throws.ArgumentException.With.Message.Contains("labels [1, 0, 8] have no pixels"));
        Assert.That(() => Ops.UpsampleSoftmaxCrossEntropy(empty, labels), Throws.ArgumentException.With.Message.Contains("[1, 3, 0, 4] has no pixels"));
        Assert.That(() => Ops.UpsampleSoftmaxCrossEntropy(scores, noClass), Throws.ArgumentException.With.Message.Contains("label 3 at row 0, column 1"));
        Assert.That(() => Ops.UpsampleSoftmaxCrossEntropy(scores, labels, weights: weights), Throws.ArgumentException.With.Message.Contains("need 3 class weights there; there were 2"));
        Assert.That(() => Ops.UpsampleSoftmaxCrossEntropy(scores, labels, (BilinearAlignment)9), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("CornerAligned"));
        Assert.That(() => Ops.DeconvolutionSoftmaxCrossEntropy(scores, labels, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("scale"));
    }

    private void Check(BilinearAlignment alignment, Shape shape, int height, int width, bool weighted)
    {
        byte[] labels = RandomLabels(shape, height, width);
        float[] values = Weights(shape.C);
        using LabelMap map = LabelMap.FromArray(device, shape.N, height, width, labels);
        using ClassWeights? weights = weighted ? new ClassWeights(device, values) : null;
        OperatorCheck.Verify(
            device, t => Ops.UpsampleSoftmaxCrossEntropy(t[0], map, alignment, weights),
            a => Reference(a[0], labels, height, width, Void, weighted ? values : null, Clamped(alignment)),
            Array4.Random(shape, "scores", scale: 3));
    }

    private Tensor Fused(Tensor scores, byte[] labels, int height, int width, int ignoreLabel = Void, ClassWeights? weights = null)
    {
        using LabelMap map = LabelMap.FromArray(device, scores.Shape.N, height, width, labels);
        return Ops.UpsampleSoftmaxCrossEntropy(scores, map, weights: weights, ignoreLabel: ignoreLabel);
    }

    private (float Loss, float[] Gradient) Run(Array4 values, Func<Tensor, Tensor> loss)
    {
        using var scores = new Parameter("scores", values.ToTensor(device));
        using Tape tape = Tape.Record();
        Tensor value = loss(scores.Value);
        tape.Backward(value);
        return (value.Item(), scores.Gradient!.ToArray());
    }

    private static float[] Weights(int channels) => [.. Enumerable.Range(0, channels).Select(c => c == 1 ? 0f : 0.25f + (c % 7))];

    private static byte[] RandomLabels(Shape shape, int height, int width)
    {
        var random = new RandomSequence(3, "labels");
        return [.. Enumerable.Range(0, shape.N * height * width).Select(i => i % 5 == 2 ? Void : (byte)random.NextInt32(Math.Min(shape.C, 255)))];
    }

    private static Func<int, int, int, (int First, double Weight0, double Weight1)> Clamped(BilinearAlignment alignment) => (o, inExtent, outExtent) =>
    {
        double at = alignment switch
        {
            BilinearAlignment.HalfPixel => ((o + 0.5) * inExtent / outExtent) - 0.5,
            BilinearAlignment.CornerAligned => outExtent == 1 ? 0 : (double)o * (inExtent - 1) / (outExtent - 1),
            _ => (double)o * inExtent / outExtent,
        };
        at = Math.Clamp(at, 0, inExtent - 1);
        int first = Math.Min((int)at, Math.Max(0, inExtent - 2));
        return (first, 1 - (at - first), at - first);
    };

    private static Array4 Reference(
        Array4 scores, byte[] labels, int height, int width, int ignoreLabel, float[]? weights, Func<int, int, int, (int First, double Weight0, double Weight1)> source)
    {
        Shape shape = scores.Shape;
        double sum = 0;
        double total = 0;
        var at = new double[shape.C];
        for (int i = 0; i < labels.Length; i++)
        {
            int label = labels[i];
            if (label == ignoreLabel)
            {
                continue;
            }

            int n = i / (height * width);
            (int y, double v0, double v1) = source(i / width % height, shape.H, height);
            (int x, double h0, double h1) = source(i % width, shape.W, width);
            for (int c = 0; c < shape.C; c++)
            {
                at[c] = (v0 * ((h0 * At(y, x)) + (h1 * At(y, x + 1)))) + (v1 * ((h0 * At(y + 1, x)) + (h1 * At(y + 1, x + 1))));

                double At(int row, int column) => row < 0 || row >= shape.H || column < 0 || column >= shape.W ? 0 : scores[n, c, row, column];
            }

            double weight = weights?[label] ?? 1;
            sum += weight * Math.Log(at.Sum(a => Math.Exp(a - at[label])));
            total += weight;
        }

        return new Array4(Shape.Scalar, [total == 0 ? 0 : sum / total]);
    }
}
