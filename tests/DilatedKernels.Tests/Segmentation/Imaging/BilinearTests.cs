using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Imaging;

public sealed class BilinearTests
{
    [Test]
    public void CentresOfPixelsStayInLine()
    {
        RgbImage image = new(2, 1, [0, 100, 7, 255, 0, 7]);
        RgbImage larger = Bilinear.Resize(image, 4, 2);
        // At −¼, ¼, ¾ and 1¼.
        byte[] row = [0, 100, 7, 64, 75, 7, 191, 25, 7, 255, 0, 7];
        Assert.That((larger.Width, larger.Height), Is.EqualTo((4, 2)));
        Assert.That(larger.Pixels, Is.EqualTo((byte[])[.. row, .. row]));
        Assert.That(Bilinear.Resize(larger, 2, 1).Pixels, Is.EqualTo(new byte[] { 32, 88, 7, 223, 13, 7 }));
    }

    [Test]
    public void TheSameSizeIsTheImageItself()
    {
        RgbImage image = Noise(5, 3);
        Assert.That(Bilinear.Resize(image, 5, 3), Is.SameAs(image));
    }

    [TestCase(1, 1, 7, 5)]
    [TestCase(13, 9, 1, 1)]
    [TestCase(13, 9, 17, 4)]
    [TestCase(4, 17, 23, 6)]
    public void AMapIsAddedByTheDefinition(int width, int height, int toWidth, int toHeight)
    {
        const int Channels = 3;
        float[] map = Values(width * height * Channels);
        float[] sum = Values(toWidth * toHeight * Channels);
        float[] before = [.. sum];
        Bilinear.Add(map, new Size2(height, width), Channels, sum, new Size2(toHeight, toWidth));
        for (int i = 0; i < sum.Length; i++)
        {
            int c = i % Channels;
            (int left, int right, double u) = Position(i / Channels % toWidth, width, toWidth);
            (int top, int bottom, double v) = Position(i / Channels / toWidth, height, toHeight);
            double expected = before[i] + ((1 - v) * (((1 - u) * At(left, top)) + (u * At(right, top)))) + (v * (((1 - u) * At(left, bottom)) + (u * At(right, bottom))));
            Assert.That(sum[i], Is.EqualTo(expected).Within(1e-6), $"value {i}");

            double At(int x, int y) => map[(((y * width) + x) * Channels) + c];
        }

        static (int First, int Second, double Share) Position(int to, int fromLength, int toLength)
        {
            double position = Math.Clamp(((to + 0.5) * fromLength / toLength) - 0.5, 0, fromLength - 1);
            int first = (int)position;
            return (first, Math.Min(first + 1, fromLength - 1), position - first);
        }
    }

    [TestCase(29, 40)]
    [TestCase(40, 29)]
    [TestCase(31, 7)]
    public void TheMirrorImageIsResizedToTheMirrorImage(int from, int to)
    {
        RgbImage image = Noise(from, 5);
        Assert.That(Bilinear.Resize(image.Mirror(), to, 8).Pixels, Is.EqualTo(Bilinear.Resize(image, to, 8).Mirror().Pixels));
        float[] row = Values(from);
        float[] resized = new float[to];
        float[] mirrored = new float[to];
        Bilinear.Add(row, new Size2(1, from), 1, resized, new Size2(1, to));
        Bilinear.Add([.. row.Reverse()], new Size2(1, from), 1, mirrored, new Size2(1, to));
        Assert.That(mirrored.Reverse(), Is.EqualTo(resized));
    }

    private static float[] Values(int count)
    {
        var random = new RandomSequence(5, "map");
        return [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];
    }

    private static RgbImage Noise(int width, int height)
    {
        var random = new RandomSequence(4, "noise");
        return new RgbImage(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(_ => (byte)random.NextInt32(256))]);
    }
}
