using ATrous;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Samples;

/// <summary>The sample's wavelet transform, and with it dilations far larger than their maps.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class StarletTests(Device device)
{
    [TestCase(40, 23, 3)]
    [TestCase(9, 12, 6, Description = "dilation 32 reaches over the border many times")]
    [TestCase(2, 2, 4)]
    public void PlanesMatchTheDefinition(int height, int width, int scales)
    {
        var shape = new Shape(2, 1, height, width);
        Array4 maps = Array4.Random(shape, "maps");
        using Tensor x = maps.ToTensor(device);
        using Tape tape = Tape.Inference();
        IReadOnlyList<Tensor> planes = Starlet.Decompose(x, scales);
        Assert.That(planes, Has.Count.EqualTo(scales + 1));

        double[] smooth = Array.ConvertAll(x.ToArray(), value => (double)value);
        for (int j = 0; j < scales; j++)
        {
            double[] next = Smooth(smooth, shape, 1 << j);
            double[] detail = [.. smooth.Zip(next, (a, b) => a - b)];
            Assert.That(OperatorCheck.RelativeError(planes[j].ToArray(), detail), Is.LessThan(1e-5), $"detail {j + 1}");
            smooth = next;
        }

        Assert.That(OperatorCheck.RelativeError(planes[scales].ToArray(), smooth), Is.LessThan(1e-5));
        double[] image = Array.ConvertAll(x.ToArray(), value => (double)value);
        Assert.That(OperatorCheck.RelativeError(Starlet.Reconstruct(planes).ToArray(), image), Is.LessThan(1e-7), "the inverse is exact up to float32's rounding");
    }

    [Test]
    public void AConstantHasNoDetail()
    {
        using Tensor x = Tensor.FromArray(device, new Shape(1, 1, 7, 5), [.. Enumerable.Repeat(3f, 35)]);
        using Tape tape = Tape.Inference();
        IReadOnlyList<Tensor> planes = Starlet.Decompose(x, 4);
        Assert.That(planes.SkipLast(1).SelectMany(plane => plane.ToArray()), Is.All.EqualTo(0f));
        Assert.That(planes[^1].ToArray(), Is.All.EqualTo(3f));
    }

    [Test]
    public void AnImpulseSpreadsOverTheSupport([Values(1, 2, 3)] int scales)
    {
        int support = (4 * ((1 << scales) - 1)) + 1;
        int size = support + 10;
        float[] impulse = new float[size * size];
        impulse[(size / 2 * size) + (size / 2)] = 1;
        using Tensor x = Tensor.FromArray(device, new Shape(1, 1, size, size), impulse);
        using Tape tape = Tape.Inference();
        float[] smooth = Starlet.Decompose(x, scales)[scales].ToArray();
        int[] columns = [.. Enumerable.Range(0, smooth.Length).Where(i => smooth[i] != 0).Select(i => i % size)];
        Assert.That(columns.Max() - columns.Min() + 1, Is.EqualTo(support));
        Assert.That(smooth.Sum(), Is.EqualTo(1).Within(1e-6));
    }

    [Test]
    public void WhatHasNoPlanesIsRefused()
    {
        using Tensor colors = Tensor.Zeros(device, new Shape(1, 3, 8, 8));
        using Tensor line = Tensor.Zeros(device, new Shape(1, 1, 1, 8));
        using Tensor map = Tensor.Zeros(device, new Shape(1, 1, 8, 8));
        Assert.That(() => Starlet.Decompose(colors, 1), Throws.ArgumentException.With.Message.Contains("[N, 1, H, W]"));
        Assert.That(() => Starlet.Decompose(line, 1), Throws.ArgumentException);
        Assert.That(() => Starlet.Decompose(map, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => Starlet.Decompose(map, 17), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    private static double[] Smooth(double[] maps, Shape shape, int dilation)
    {
        double[] h = [1 / 16.0, 4 / 16.0, 6 / 16.0, 4 / 16.0, 1 / 16.0];
        double[] result = new double[maps.Length];
        for (int i = 0; i < maps.Length; i++)
        {
            int x = i % shape.W;
            int y = i / shape.W % shape.H;
            int n = i / (shape.W * shape.H);
            for (int a = -2; a <= 2; a++)
            {
                for (int b = -2; b <= 2; b++)
                {
                    int row = Mirrored(y + (a * dilation), shape.H);
                    int column = Mirrored(x + (b * dilation), shape.W);
                    result[i] += h[a + 2] * h[b + 2] * maps[(((n * shape.H) + row) * shape.W) + column];
                }
            }
        }

        return result;
    }

    private static int Mirrored(int position, int extent)
    {
        int period = 2 * (extent - 1);
        int inPeriod = ((position % period) + period) % period;
        return inPeriod < extent ? inPeriod : period - inPeriod;
    }
}
