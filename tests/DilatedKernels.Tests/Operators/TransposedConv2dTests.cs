using DilatedKernels.Nn;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class TransposedConv2dTests(Device device)
{
    [TestCase(2, 3, 4, 2, 0)]
    [TestCase(1, 1, 4, 2, 1)]
    [TestCase(5, 2, 3, 1, 1)]
    [TestCase(8, 8, 2, 3, 0)]
    [TestCase(3, 11, 5, 3, 2)]
    [TestCase(2, 3, 1, 1, 0)]
    [TestCase(2, 3, 1, 2, 0)]
    public void MatchesDefinition(int inChannels, int outChannels, int kernel, int stride, int padding)
    {
        Array4 x = Array4.Random(new Shape(2, inChannels, 3, 4), "x");
        Array4 w = Array4.Random(new Shape(inChannels, outChannels, kernel, kernel), "w");
        OperatorCheck.Verify(
            device, activations: 1, t => Ops.TransposedConv2d(t[0], t[1], stride, padding), a => Reference(a[0], a[1], stride, padding), x, w);
    }

    [Test]
    public void MatchesDefinitionAtEveryNumberOfChannels([ValueSource(typeof(Boundary), nameof(Boundary.Channels))] int channels) => MatchesDefinition(channels, 3, 2, 2, 0);

    [Test]
    public void BilinearWeightsAreTheFixedDeconvolution([Values(2, 3, 8)] int scale)
    {
        using Tensor x = Array4.Random(new Shape(1, 3, 4, 5), "scores").ToTensor(device);
        using var weight = new Parameter("up.weight", Tensor.Zeros(device, new Shape(3, 3, (2 * scale) - (scale % 2), (2 * scale) - (scale % 2))));
        Initialization.Bilinear(weight);
        foreach (bool padded in (bool[])[true, false])
        {
            using Tensor learned = Ops.TransposedConv2d(x, weight.Value, scale, padded ? scale / 2 : 0);
            using Tensor fixedOne = Ops.BilinearDeconvolution(x, scale, padded);
            Assert.That(learned.Shape, Is.EqualTo(fixedOne.Shape));
            Assert.That(OperatorCheck.RelativeError(learned.ToArray(), Array.ConvertAll(fixedOne.ToArray(), v => (double)v)), Is.LessThan(1e-6));
        }
    }

    [Test]
    public void BilinearWeightsNeedAsManyOutputsAsInputs()
    {
        using var weight = new Parameter("up.weight", Tensor.Zeros(device, new Shape(3, 2, 4, 4)));
        Assert.That(() => Initialization.Bilinear(weight), Throws.ArgumentException.With.Message.Contains("up.weight is [3, 2, 4, 4]"));
    }

    [Test]
    public void RefusesWhatDoesNotFit()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 2, 3, 3));
        using var w = Tensor.Zeros(device, new Shape(2, 3, 2, 2));
        using var other = Tensor.Zeros(device, new Shape(3, 2, 2, 2));
        Assert.That(() => Ops.TransposedConv2d(x, other, 2), Throws.ArgumentException.With.Message.Contains("the kernel [3, 2, 2, 2] takes 3"));
        Assert.That(() => Ops.TransposedConv2d(x, w, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("stride is 1 or more"));
        Assert.That(() => Ops.TransposedConv2d(x, w, 1, 2), Throws.ArgumentException.With.Message.Contains("leaves nothing"));
    }

    // Every input value spreads a copy of the kernel.
    private static Array4 Reference(Array4 x, Array4 w, int stride, int padding)
    {
        int kernel = w.Shape.H;
        var y = new Array4(new Shape(
            x.Shape.N, w.Shape.C, ((x.Shape.H - 1) * stride) + kernel - (2 * padding), ((x.Shape.W - 1) * stride) + kernel - (2 * padding)));
        for (int n = 0; n < x.Shape.N; n++)
        {
            for (int h = 0; h < x.Shape.H; h++)
            {
                for (int v = 0; v < x.Shape.W; v++)
                {
                    for (int tap = 0; tap < kernel * kernel; tap++)
                    {
                        int oy = (h * stride) - padding + (tap / kernel);
                        int ox = (v * stride) - padding + (tap % kernel);
                        if (oy < 0 || oy >= y.Shape.H || ox < 0 || ox >= y.Shape.W)
                        {
                            continue;
                        }

                        for (int c = 0; c < x.Shape.C; c++)
                        {
                            for (int k = 0; k < w.Shape.C; k++)
                            {
                                y[n, k, oy, ox] += w[c, k, tap / kernel, tap % kernel] * x[n, c, h, v];
                            }
                        }
                    }
                }
            }
        }

        return y;
    }
}
