using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>Pictures with what a photograph has, smooth shading, edges and noise, and the unsure probabilities that a network might give for them.</summary>
internal static class TestScene
{
    public static RgbImage Image(int width, int height)
    {
        var random = new RandomSequence(4, "scene");
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < width * height; i++)
        {
            (int x, int y) = (i % width, i / width);
            bool inside = IsInside(x, y, width, height);
            for (int c = 0; c < 3; c++)
            {
                double level = (inside ? 170 - (30 * c) : 60 + (20 * c)) + (40.0 * x / width) + (6 * random.NextGaussian());
                pixels[(3 * i) + c] = (byte)Math.Clamp(level, 0, 255);
            }
        }

        return new RgbImage(width, height, pixels);
    }

    /// <summary>Class 1 is likelier inside the disk, class 0 outside; the others are noise.</summary>
    public static ProbabilityMap Probabilities(int width, int height, int classes)
    {
        var random = new RandomSequence(5, "probabilities");
        float[] values = new float[width * height * classes];
        for (int i = 0; i < width * height; i++)
        {
            double[] scores = [.. Enumerable.Range(0, classes).Select(_ => random.NextGaussian())];
            scores[IsInside(i % width, i / width, width, height) && classes > 1 ? 1 : 0] += 1.5;
            double sum = scores.Sum(Math.Exp);
            for (int c = 0; c < classes; c++)
            {
                values[(i * classes) + c] = (float)(Math.Exp(scores[c]) / sum);
            }
        }

        return new ProbabilityMap(width, height, classes, values);
    }

    /// <summary>What <see cref="Probabilities"/> hints at.</summary>
    public static IndexMask Truth(int width, int height) =>
        new(width, height, [.. Enumerable.Range(0, width * height).Select(i => IsInside(i % width, i / width, width, height) ? (byte)1 : (byte)0)]);

    public static PixelFeatures Spatial(RgbImage image, double sigma) => PixelFeatures.Spatial(image.Width, image.Height, sigma);

    public static PixelFeatures Bilateral(RgbImage image, double sigma, double colorSigma) => PixelFeatures.Bilateral(
        image.Width, image.Height, i => (image.Pixels[3 * i], image.Pixels[(3 * i) + 1], image.Pixels[(3 * i) + 2]), sigma, colorSigma);

    private static bool IsInside(int x, int y, int width, int height)
    {
        double dx = (x - (0.45 * width)) / width;
        double dy = (y - (0.55 * height)) / height;
        return (dx * dx) + (dy * dy) < 0.09;
    }
}
