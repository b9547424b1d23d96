using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class UpsampleBilinearTests(Device device)
{
    private static readonly BilinearAlignment[] Alignments = Enum.GetValues<BilinearAlignment>();

    [Test, Combinatorial]
    public void MatchesDefinition([ValueSource(nameof(Alignments))] BilinearAlignment alignment, [Values(1, 5, 8, 21)] int channels)
    {
        Check(alignment, new Shape(2, channels, 3, 4), 7, 9);
    }

    [Test]
    public void MatchesDefinitionAtEveryNumberOfChannels([ValueSource(typeof(Boundary), nameof(Boundary.Channels))] int channels) => Check(BilinearAlignment.HalfPixel, new Shape(1, channels, 2, 3), 5, 6);

    // Same size, times eight, one row, one output, smaller, and prime against prime.
    [Test, Combinatorial]
    public void MatchesDefinitionAtEverySize(
        [ValueSource(nameof(Alignments))] BilinearAlignment alignment,
        [Values("4 5 4 5", "3 2 24 16", "1 3 5 3", "5 4 1 1", "9 7 4 2", "5 7 11 13", "1 1 6 6")] string sizes)
    {
        int[] s = [.. sizes.Split(' ').Select(int.Parse)];
        Check(alignment, new Shape(1, 3, s[0], s[1]), s[2], s[3]);
    }

    [Test]
    public void CellOriginPutsEveryEighthPixelOnACell()
    {
        Array4 cells = Array4.Random(new Shape(1, 3, 5, 6), "cells");
        using Tensor x = cells.ToTensor(device);
        using Tensor y = Ops.UpsampleBilinear(x, 40, 48, BilinearAlignment.CellOrigin);
        float[] values = y.ToArray();
        float[] atCells = Array4.From(cells.Shape, (_, c, h, w) => values[(((c * 40) + (8 * h)) * 48) + (8 * w)]).ToSingle();
        Assert.That(atCells, Is.EqualTo(cells.ToSingle()));
    }

    [Test]
    public void ConstantMapsStayConstant([ValueSource(nameof(Alignments))] BilinearAlignment alignment)
    {
        using Tensor x = Tensor.FromArray(device, new Shape(1, 1, 2, 2), [0.75f, 0.75f, 0.75f, 0.75f]);
        using Tensor y = Ops.UpsampleBilinear(x, 8, 8, alignment);
        Assert.That(y.ToArray(), Is.All.EqualTo(0.75f).Within(2).Ulps);
    }

    [Test]
    public void RefusesEmptyMapsAndSizes()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 1, 2, 2));
        using var empty = Tensor.Zeros(device, new Shape(1, 1, 0, 2));
        Assert.That(() => Ops.UpsampleBilinear(x, 0, 4), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("outHeight"));
        Assert.That(() => Ops.UpsampleBilinear(x, 4, -1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("outWidth"));
        Assert.That(() => Ops.UpsampleBilinear(empty, 4, 4), Throws.ArgumentException.With.Message.Contains("[1, 1, 0, 2] has no pixels"));
        Assert.That(() => Ops.UpsampleBilinear(x, 4, 4, (BilinearAlignment)9), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("CornerAligned"));
    }

    private void Check(BilinearAlignment alignment, Shape shape, int outHeight, int outWidth) => OperatorCheck.Verify(
        device,
        t => Ops.UpsampleBilinear(t[0], outHeight, outWidth, alignment),
        a => Reference(a[0], outHeight, outWidth, alignment),
        Array4.Random(shape, "upsample"));

    private static Array4 Reference(Array4 x, int outHeight, int outWidth, BilinearAlignment alignment) =>
        Array4.From(x.Shape with { H = outHeight, W = outWidth }, (n, c, oy, ox) =>
        {
            (int y0, int y1, double b) = Source(oy, x.Shape.H, outHeight);
            (int x0, int x1, double a) = Source(ox, x.Shape.W, outWidth);
            return ((1 - b) * (((1 - a) * x[n, c, y0, x0]) + (a * x[n, c, y0, x1]))) + (b * (((1 - a) * x[n, c, y1, x0]) + (a * x[n, c, y1, x1])));

            (int First, int Second, double Fraction) Source(int o, int inExtent, int outExtent)
            {
                double at = alignment switch
                {
                    BilinearAlignment.HalfPixel => ((o + 0.5) * inExtent / outExtent) - 0.5,
                    BilinearAlignment.CornerAligned => outExtent == 1 ? 0 : (double)o * (inExtent - 1) / (outExtent - 1),
                    _ => (double)o * inExtent / outExtent,
                };
                at = Math.Clamp(at, 0, inExtent - 1);
                int first = Math.Min((int)at, Math.Max(0, inExtent - 2));
                return (first, Math.Min(first + 1, inExtent - 1), at - first);
            }
        });
}
