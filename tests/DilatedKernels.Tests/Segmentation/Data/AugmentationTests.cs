using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

/// <summary>Scaled images and changed colours against what their definitions say, and that they follow from seed and step alone.</summary>
public class AugmentationTests
{
    private static readonly CropOptions s_options = new() { Crop = new Size2(20, 24), Margin = 4, Stride = 4, Seed = 5, BatchSize = 3, Labels = LabelResolution.Full };

    [Test]
    public void AnImageOfTheSameSizeStaysAsItIs()
    {
        DecodedSample sample = Noise(7, 5);
        Assert.That(Resampling.To(new Size2(7, 5), sample), Is.SameAs(sample));
    }

    [TestCase(7, 5, 14, 10)]
    [TestCase(7, 5, 13, 3)]
    [TestCase(7, 5, 1, 1)]
    [TestCase(1, 1, 4, 6)]
    [TestCase(31, 40, 17, 77)]
    public void ResizedAsDefined(int height, int width, int toHeight, int toWidth)
    {
        DecodedSample sample = Noise(height, width);
        DecodedSample resized = Resampling.To(new Size2(toHeight, toWidth), sample);
        Assert.That((resized.Image.Height, resized.Image.Width, resized.Mask.Height, resized.Mask.Width), Is.EqualTo((toHeight, toWidth, toHeight, toWidth)));
        for (int y = 0; y < toHeight; y++)
        {
            for (int x = 0; x < toWidth; x++)
            {
                double row = ((y + 0.5) * height / toHeight) - 0.5;
                double column = ((x + 0.5) * width / toWidth) - 0.5;
                for (int c = 0; c < 3; c++)
                {
                    double expected = 0;
                    for (int i = 0; i < height; i++)
                    {
                        for (int j = 0; j < width; j++)
                        {
                            expected += Hat(Math.Clamp(row, 0, height - 1) - i) * Hat(Math.Clamp(column, 0, width - 1) - j) * sample.Image.Pixels[(3 * ((i * width) + j)) + c];
                        }
                    }

                    Assert.That(resized.Image.Pixels[(3 * ((y * toWidth) + x)) + c], Is.EqualTo(expected).Within(0.5001));
                }

                int label = sample.Mask.Indices[((int)Math.Floor(row + 0.5) * width) + (int)Math.Floor(column + 0.5)];
                Assert.That(resized.Mask.Indices[(y * toWidth) + x], Is.EqualTo(label));
            }
        }

        static double Hat(double distance) => Math.Max(0, 1 - Math.Abs(distance));
    }

    [Test]
    public void TheFactorsAreEvenlySpreadAndTheSameForBothAxes()
    {
        CropPlan plan = new(1, s_options with { LeastScale = 0.5, MostScale = 2 });
        Size2[] sizes = [.. Enumerable.Range(0, 4000).Select(draw => plan.SizeOf(draw, new Size2(1000, 2000)))];
        Assert.That(sizes.Select(size => (double)size.Height), Is.All.InRange(500, 2000));
        // Five standard deviations of the mean of 4000.
        Assert.That(sizes.Average(size => size.Height), Is.EqualTo(1250).Within(5 * 1500 / Math.Sqrt(12 * 4000)));
        Assert.That(sizes.Min(size => size.Height), Is.LessThan(520));
        Assert.That(sizes.Max(size => size.Height), Is.GreaterThan(1980));
        Assert.That(sizes.Select(size => Math.Abs(size.Width - (2 * size.Height))), Is.All.LessThanOrEqualTo(1));
    }

    [Test]
    public void AScaledCropIsThatOfTheScaledImage()
    {
        using TestDataset data = Dataset();
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        CropOptions options = s_options with { LeastScale = 0.5, MostScale = 2 };
        CropPlan plan = new(folder.Split("train").Count, options);
        using BatchLoader loader = new(folder.Split("train"), folder.Classes, options);
        int[] counted = [0, 0];
        for (int step = 0; step < 10; step++)
        {
            TrainingBatch batch = loader.Get(step);
            for (int k = 0; k < 3; k++)
            {
                long draw = (3 * step) + k;
                DecodedSample sample = SampleReader.Read(folder.Split("train").Single(s => s.Name == batch.Names[k]), folder.Classes);
                Size2 size = plan.SizeOf(draw, new Size2(sample.Image.Height, sample.Image.Width));
                sample = Resampling.To(size, sample);
                (int top, int left, bool mirror) = plan.PlacementOf(draw, size);
                float[] expected = new float[20 * 24 * 3];
                ImageTensor.CopyWindow(sample.Image, folder.Classes.MeanBgr, top - 4, left - 4, new Size2(20, 24), mirror, expected);
                Assert.That(batch.Images.Skip(k * expected.Length).Take(expected.Length), Is.EqualTo(expected));
                for (int i = 0; i < 12 * 16; i++)
                {
                    int y = top + (i / 16), x = left + (mirror ? 15 - (i % 16) : i % 16);
                    bool inside = y >= 0 && x >= 0 && y < size.Height && x < size.Width;
                    Assert.That(batch.Labels[(k * 12 * 16) + i], Is.EqualTo(inside ? sample.Mask.Indices[(y * size.Width) + x] : 9), "void beyond the image");
                    counted[inside ? 1 : 0]++;
                }
            }
        }

        Assert.That(counted, Is.All.GreaterThan(100));
    }

    [Test]
    public void ColoursAreChangedAsDefined([Values(0.0, 0.4, 1.0)] double brightness, [Values(0.0, 0.7)] double contrast, [Values(0.0, 0.9)] double saturation)
    {
        (double B, double G, double R) mean = (10.5, 20, 30);
        var random = new RandomSequence(1, "pixels");
        byte[] pixels = [.. Enumerable.Range(0, 3 * 50).Select(_ => (byte)random.NextInt32(256))];
        float[] crop = [.. pixels.Select((value, i) => (float)(value - (i % 3 == 0 ? mean.B : i % 3 == 1 ? mean.G : mean.R)))];
        new ColorJitter(brightness, contrast, saturation).Apply(crop, mean, new RandomSequence(8, "color", 3));

        var factors = new RandomSequence(8, "color", 3);
        double b = Draw(brightness), c = Draw(contrast), s = Draw(saturation);
        double[] lit = [.. pixels.Select(value => Math.Clamp(value * b, 0, 255))];
        double middle = Enumerable.Range(0, 50).Average(p => Grey(lit, p));
        double[] spread = [.. lit.Select(value => Math.Clamp(middle + (c * (value - middle)), 0, 255))];
        double[] expected = [.. spread.Select((value, i) => Math.Clamp(Grey(spread, i / 3) + (s * (value - Grey(spread, i / 3))), 0, 255) - (i % 3 == 0 ? mean.B : i % 3 == 1 ? mean.G : mean.R))];
        Assert.That(crop.Select(value => (double)value), Is.EqualTo(expected).Within(1e-3));

        double Draw(double strength) => 1 + (strength * ((2 * factors.NextDouble()) - 1));
        static double Grey(double[] bgr, int p) => (0.114 * bgr[3 * p]) + (0.587 * bgr[(3 * p) + 1]) + (0.299 * bgr[(3 * p) + 2]);
    }

    [Test]
    public void ABatchFollowsFromSeedAndStepAlone()
    {
        using TestDataset data = Dataset();
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        CropOptions options = s_options with { LeastScale = 0.5, MostScale = 2, Jitter = new ColorJitter(0.5, 0.5, 0.5) };
        using BatchLoader forward = new(folder.Split("train"), folder.Classes, options, threads: 2);
        float[][] images = [.. Enumerable.Range(0, 6).Select(step => forward.Get(step).Images)];
        using BatchLoader resumed = new(folder.Split("train"), folder.Classes, options);
        Assert.That(resumed.Get(4).Images, Is.EqualTo(images[4]));
        Assert.That(resumed.Get(2).Images, Is.EqualTo(images[2]));
        using BatchLoader other = new(folder.Split("train"), folder.Classes, options with { Seed = 6 });
        Assert.That(other.Get(4).Images, Is.Not.EqualTo(images[4]));
    }

    [TestCase(0, 1)]
    [TestCase(0.5, 0.4)]
    [TestCase(1, 11)]
    [TestCase(double.NaN, 1)]
    public void RefusesFactorsThatCannotBe(double least, double most) => Assert.That(
        (s_options with { LeastScale = least, MostScale = most }).Validate,
        Throws.TypeOf<UserInputException>().With.Message.Contains($"(--scale) by 0.1 to 10, the smaller factor first; they were to be by {least} to {most}."));

    [TestCase(-0.1, 0, 0, "brightness")]
    [TestCase(0, 1.1, 0, "contrast")]
    [TestCase(0, 0, double.NaN, "saturation")]
    public void RefusesStrengthsThatCannotBe(double brightness, double contrast, double saturation, string name) => Assert.That(
        (s_options with { Jitter = new ColorJitter(brightness, contrast, saturation) }).Validate,
        Throws.TypeOf<UserInputException>().With.Message.Contains($"The jitter of {name} (--jitter) is 0 to 1"));

    private static TestDataset Dataset() => new TestDataset().Add("a", 33, 29).Add("b", 16, 12).Add("c", 9, 40).Add("d", 50, 31);

    private static DecodedSample Noise(int height, int width)
    {
        var random = new RandomSequence(3, "noise", (ulong)height);
        byte[] pixels = [.. Enumerable.Range(0, 3 * height * width).Select(_ => (byte)random.NextInt32(256))];
        return new DecodedSample(new RgbImage(width, height, pixels), new IndexMask(width, height, [.. Enumerable.Range(0, height * width).Select(_ => (byte)random.NextInt32(5))]));
    }
}
