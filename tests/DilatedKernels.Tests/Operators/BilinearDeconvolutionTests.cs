using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class BilinearDeconvolutionTests(Device device)
{
    [TestCase(1, 3)]
    [TestCase(2, 8)]
    [TestCase(3, 5)]
    [TestCase(4, 11)]
    [TestCase(8, 2)]
    [TestCase(2, 1)]
    [TestCase(2, 7)]
    [TestCase(2, 9)]
    [TestCase(2, 21)]
    [TestCase(2, 31)]
    [TestCase(2, 32)]
    [TestCase(2, 33)]
    public void MatchesTheTransposedConvolution(int scale, int channels)
    {
        Array4 x = Array4.Random(new Shape(1, channels, 3, 4), "deconvolution");
        OperatorCheck.Verify(device, t => Ops.BilinearDeconvolution(t[0], scale), a => Reference(a[0], scale), x);
        OperatorCheck.Verify(device, t => Ops.BilinearDeconvolution(t[0], scale, padded: false), a => Reference(a[0], scale, padded: false), x);
    }

    [Test]
    public void EqualsHalfPixelAwayFromTheBorders()
    {
        Array4 values = Array4.Random(new Shape(1, 2, 4, 5), "interior");
        using Tensor x = values.ToTensor(device);
        using Tensor deconvolved = Ops.BilinearDeconvolution(x, 8);
        using Tensor interpolated = Ops.UpsampleBilinear(x, 32, 40, BilinearAlignment.HalfPixel);
        using Tensor a = Ops.Crop(deconvolved, 4, 4, 24, 32);
        using Tensor b = Ops.Crop(interpolated, 4, 4, 24, 32);
        Assert.That(a.ToArray(), Is.EqualTo(b.ToArray()));
        Assert.That(deconvolved.ToArray()[0], Is.EqualTo(values[0, 0, 0, 0] * 9 / 16 * 9 / 16).Within(1e-6), "the corner keeps (9/16)² of its cell");
    }

    [Test]
    public void RefusesAScaleBelowOne()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 1, 2, 2));
        Assert.That(() => Ops.BilinearDeconvolution(x, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("scale"));
    }

    [TestCase(0, 2)]
    [TestCase(2, 0)]
    public void RefusesAnEmptyMap(int height, int width)
    {
        using var x = Tensor.Zeros(device, new Shape(1, 1, height, width));
        Assert.That(() => Ops.BilinearDeconvolution(x, 2), Throws.ArgumentException.With.Message.Contains($"[1, 1, {height}, {width}]"));
    }

    // Every input spreads its value over a k×k patch of the output: Caffe's "bilinear" filler and Deconvolution layer.
    private static Array4 Reference(Array4 x, int scale, bool padded = true)
    {
        int kernel = (2 * scale) - (scale % 2);
        int padding = padded ? (int)Math.Ceiling((scale - 1) / 2.0) : 0;
        double f = Math.Ceiling(kernel / 2.0);
        double centre = ((2 * f) - 1 - (f % 2)) / (2 * f);
        var y = new Array4(x.Shape with { H = (scale * (x.Shape.H - 1)) + kernel - (2 * padding), W = (scale * (x.Shape.W - 1)) + kernel - (2 * padding) });
        Array4.From(x.Shape, (n, c, h, w) =>
        {
            for (int ky = 0; ky < kernel; ky++)
            {
                for (int kx = 0; kx < kernel; kx++)
                {
                    int oy = (h * scale) - padding + ky;
                    int ox = (w * scale) - padding + kx;
                    if (oy >= 0 && oy < y.Shape.H && ox >= 0 && ox < y.Shape.W)
                    {
                        y[n, c, oy, ox] += x[n, c, h, w] * (1 - Math.Abs((ky / f) - centre)) * (1 - Math.Abs((kx / f) - centre));
                    }
                }
            }

            return 0;
        });
        return y;
    }
}
