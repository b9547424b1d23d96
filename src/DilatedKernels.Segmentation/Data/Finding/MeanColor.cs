using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>The mean colour of images.</summary>
internal static class MeanColor
{
    /// <summary>The sums of a level over an image's pixels.</summary>
    public static (long B, long G, long R) Sums(RgbImage image)
    {
        (long b, long g, long r) = (0, 0, 0);
        byte[] pixels = image.Pixels;
        for (int i = 0; i < pixels.Length; i += 3)
        {
            r += pixels[i];
            g += pixels[i + 1];
            b += pixels[i + 2];
        }

        return (b, g, r);
    }

    /// <summary>The mean over the pixels of all images that can be read; null if there are none.</summary>
    public static (double B, double G, double R)? Of(IReadOnlyList<Sample> samples, CancellationToken cancellation)
    {
        var sums = new (long Pixels, long B, long G, long R)[samples.Count];
        Parallel.For(0, samples.Count, new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            try
            {
                RgbImage image = ImageFile.Read(samples[i].ImagePath);
                (long b, long g, long r) = Sums(image);
                sums[i] = ((long)image.Width * image.Height, b, g, r);
            }
            catch (UserInputException)
            {
                // It is check-data that lists damaged files.
            }
        });
        double pixels = sums.Sum(sum => sum.Pixels);
        return pixels == 0 ? null : (sums.Sum(sum => sum.B) / pixels, sums.Sum(sum => sum.G) / pixels, sums.Sum(sum => sum.R) / pixels);
    }
}
