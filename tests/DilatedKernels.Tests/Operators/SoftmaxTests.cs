using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class SoftmaxTests(Device device)
{
    [Test]
    public void MatchesDefinition([Values(1, 2, 7, 8, 9, 11, 19, 21, 24, 31, 32, 33, 40, 60, 130)] int channels)
    {
        Array4 x = Array4.Random(new Shape(2, channels, 2, 3), "softmax", scale: 3);
        OperatorCheck.Verify(device, t => Ops.Softmax(t[0]), a => Reference(a[0]), x);
    }

    [Test]
    public void LargeScoresAreSafe([Values(1e4f, -1e4f, 1e30f)] float offset)
    {
        using Tensor x = Tensor.FromArray(device, new Shape(1, 3, 1, 1), [offset, offset, float.NegativeInfinity]);
        using Tensor y = Ops.Softmax(x);
        Assert.That(y.ToArray(), Is.EqualTo(new[] { 0.5f, 0.5f, 0f }));
    }

    [Test]
    public void NaNStaysNaN()
    {
        using Tensor x = Tensor.FromArray(device, new Shape(1, 2, 1, 2), [1, float.NaN, 1, 0]);
        using Tensor y = Ops.Softmax(x);
        Assert.That(y.ToArray(), Is.EqualTo(new[] { 0.5f, float.NaN, 0.5f, float.NaN }));
    }

    [Test]
    public void NaNAnywhereStaysInItsPosition([Values(3, 8, 21, 24, 32, 40)] int channels)
    {
        for (int c = 0; c < channels; c++)
        {
            float[] scores = [.. Enumerable.Range(0, 3 * channels).Select(i => i % 7f)];
            scores[(3 * c) + 1] = float.NaN;
            using Tensor x = Tensor.FromArray(device, new Shape(1, channels, 1, 3), scores);
            using Tensor y = Ops.Softmax(x);
            float[] values = y.ToArray();
            Assert.That(values.Where((_, i) => i % 3 == 1), Is.All.NaN, $"channel {c}");
            Assert.That(values.Where((_, i) => i % 3 != 1), Has.None.NaN, $"channel {c}");
        }
    }

    [Test]
    public void TheLargestScoreIsFoundWhereverItIs([Values(5, 8, 21, 32, 40)] int channels)
    {
        for (int c = 0; c < channels; c++)
        {
            float[] scores = new float[channels];
            scores.AsSpan().Fill(-500);
            scores[c] = 500;
            using Tensor x = Tensor.FromArray(device, new Shape(1, channels, 1, 1), scores);
            using Tensor y = Ops.Softmax(x);
            Assert.That(y.ToArray(), Is.EqualTo(Enumerable.Range(0, channels).Select(i => i == c ? 1f : 0f)), $"channel {c}");
        }
    }

    [Test]
    public void PositionsOfManyThreadsDoNotTouch([Values(5, 11, 21, 29)] int channels)
    {
        Array4 x = Array4.Random(new Shape(1, channels, 53, 59), "many", scale: 3);
        using Tensor scores = x.ToTensor(device);
        using Tensor y = Ops.Softmax(scores);
        Assert.That(y.ToArray(), Is.EqualTo(Array.ConvertAll(Reference(x).Values, value => (float)value)).Within(1e-6));
    }

    [Test]
    public void RefusesNoChannels()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 0, 2, 2));
        Assert.That(() => Ops.Softmax(x), Throws.ArgumentException.With.Message.Contains("[1, 0, 2, 2] have none"));
    }

    private static Array4 Reference(Array4 x) => Array4.From(x.Shape, (n, c, h, w) =>
    {
        double sum = 0;
        for (int k = 0; k < x.Shape.C; k++)
        {
            sum += Math.Exp(x[n, k, h, w] - x[n, c, h, w]);
        }

        return 1 / sum;
    });
}
