using DilatedKernels.Backends;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class DropoutTests(Device device)
{
    private static readonly Shape Large = new(2, 16, 50, 125);

    [TestCase(0.1f)]
    [TestCase(0.5f)]
    [TestCase(0.9f)]
    public void DropsTheAskedShareAndScalesTheRest(float rate)
    {
        float[] y = OfOnes(Large, rate, 7, 3, 1);
        float kept = 1f / (1f - rate);
        Assert.That(y, Is.All.EqualTo(0f).Or.EqualTo(kept));

        // Five standard deviations of a binomial share.
        double share = y.Count(v => v == 0) / (double)y.Length;
        Assert.That(share, Is.EqualTo(rate).Within(5 * Math.Sqrt(rate * (1 - rate) / y.Length)));
    }

    [Test]
    public void NeighboursAreIndependent()
    {
        float[] y = OfOnes(Large, 0.5f, 7, 3, 1);
        for (int distance = 1; distance <= 8; distance++)
        {
            double agree = Enumerable.Range(0, y.Length - distance).Count(i => y[i] == y[i + distance]) / (double)(y.Length - distance);
            Assert.That(agree, Is.EqualTo(0.5).Within(5 * 0.5 / Math.Sqrt(y.Length)), $"distance {distance}");
        }
    }

    [Test]
    public void DependsOnSeedStepAndLayerAlone()
    {
        var shape = new Shape(1, 5, 9, 7);
        float[] y = OfOnes(shape, 0.5f, 1, 2, 3);
        Assert.That(OfOnes(shape, 0.5f, 1, 2, 3), Is.EqualTo(y));
        Assert.That(OfOnes(shape, 0.5f, 2, 2, 3), Is.Not.EqualTo(y));
        Assert.That(OfOnes(shape, 0.5f, 1, 3, 3), Is.Not.EqualTo(y));
        Assert.That(OfOnes(shape, 0.5f, 1, 2, 4), Is.Not.EqualTo(y));
        Assert.That(OfOnes(new Shape(1, 1, 1, 315), 0.5f, 1, 2, 3), Is.EqualTo(y), "channels-last order decides, not the shape");
    }

    [Test]
    public void FollowsTheWordsOfItsKey([Values(1, 2, 3, 4, 5, 101, 5003)] int count)
    {
        var key = new RandomKey(11, 12, 13);
        float[] expected = new float[count];
        for (int i = 0; i < count; i++)
        {
            (uint x, uint y, uint z, uint w) = key.Words(i / 4);
            uint word = (i % 4) switch { 0 => x, 1 => y, 2 => z, _ => w };
            expected[i] = word < 0.25 * 4294967296.0 ? 0 : 1 / 0.75f;
        }

        Assert.That(OfOnes(new Shape(1, 1, 1, count), 0.25f, 11, 12, 13), Is.EqualTo(expected));
    }

    [Test]
    public void TheGradientPassesWhereTheValueDid()
    {
        var shape = new Shape(1, 3, 5, 4);
        Array4 weights = Array4.Random(shape, "weights");
        using var x = new Parameter("x", Array4.Random(shape, "x").ToTensor(device));
        float[] y;
        using (Tape tape = Tape.Record())
        {
            Tensor dropped = Ops.Dropout(x.Value, 0.5f, 1, 1, 1);
            y = dropped.ToArray();
            tape.Backward(Projection.Loss(dropped, weights));
        }

        float[] expected = [.. weights.ToSingle().Zip(y, (w, v) => v == 0 ? 0 : 2 * w)];
        Assert.That(x.Gradient!.ToArray(), Is.EqualTo(expected));
    }

    [Test]
    public void RateZeroPassesEverything() => Assert.That(OfOnes(new Shape(1, 2, 3, 5), 0f, 1, 1, 1), Is.All.EqualTo(1f));

    [TestCase(1f)]
    [TestCase(-0.1f)]
    [TestCase(float.NaN)]
    public void RefusesARateOutsideItsRange(float rate) =>
        Assert.That(() => OfOnes(Shape.Scalar, rate, 1, 1, 1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("0 or more and less than 1"));

    private float[] OfOnes(Shape shape, float rate, ulong seed, ulong step, uint layer)
    {
        using Tensor x = Array4.From(shape, (_, _, _, _) => 1).ToTensor(device);
        using Tensor y = Ops.Dropout(x, rate, seed, step, layer);
        return y.ToChannelsLast();
    }
}
