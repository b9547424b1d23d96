using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Turns images into network input: channels-last blue, green and red on the scale 0 to 255 minus the mean. Beyond its borders an image
/// goes on as its mirror image without repeating the edge pixel (…2 1 [0 1 2 3] 2 1 0 1…), as often as needed; an image of one row
/// or column repeats it.
/// </summary>
public static class ImageTensor
{
    /// <summary>Converts a whole image with a margin around it.</summary>
    /// <param name="image">The image, H×W.</param>
    /// <param name="meanBgr">The mean blue, green and red to subtract.</param>
    /// <param name="margin">Pixels of reflection on each side, 0 or more; it may exceed the image.</param>
    /// <returns><c>[H + 2·margin, W + 2·margin, 3]</c>.</returns>
    public static float[] FromImage(RgbImage image, (double B, double G, double R) meanBgr, int margin)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegative(margin);
        Size2 size = new(checked(image.Height + (2 * margin)), checked(image.Width + (2 * margin)));
        float[] tensor = new float[checked(size.Height * size.Width * 3)];
        CopyWindow(image, meanBgr, -margin, -margin, size, mirror: false, tensor);
        return tensor;
    }

    /// <summary>Converts a window of the endlessly reflected image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="meanBgr">The mean blue, green and red to subtract.</param>
    /// <param name="top">The image row of the window's first row; it may lie outside the image.</param>
    /// <param name="left">The image column of the window's first column; it may lie outside the image.</param>
    /// <param name="size">The window's size.</param>
    /// <param name="mirror">Whether to exchange left and right within the window.</param>
    /// <param name="target">Receives <c>[size.Height, size.Width, 3]</c>.</param>
    /// <exception cref="ArgumentException"><paramref name="target"/> has another length.</exception>
    public static void CopyWindow(RgbImage image, (double B, double G, double R) meanBgr, int top, int left, Size2 size, bool mirror, Span<float> target)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (target.Length != (long)size.Height * size.Width * 3)
        {
            throw new ArgumentException($"A window of {size} pixels with 3 channels needs {(long)size.Height * size.Width * 3} values, but there is room for {target.Length}.", nameof(target));
        }

        float[] levels = Levels(meanBgr);
        int[] columns = new int[size.Width];
        for (int x = 0; x < size.Width; x++)
        {
            columns[x] = 3 * Reflect(left + (mirror ? size.Width - 1 - x : x), image.Width);
        }

        for (int y = 0; y < size.Height; y++)
        {
            ReadOnlySpan<byte> source = image.Pixels.AsSpan(3 * image.Width * Reflect(top + y, image.Height), 3 * image.Width);
            Span<float> row = target.Slice(3 * size.Width * y, 3 * size.Width);
            for (int x = 0; x < columns.Length; x++)
            {
                int column = columns[x];
                row[3 * x] = levels[source[column + 2]];
                row[(3 * x) + 1] = levels[256 + source[column + 1]];
                row[(3 * x) + 2] = levels[512 + source[column]];
            }
        }
    }

    /// <summary>The position within 0 to <paramref name="length"/> − 1 that reflection shows at a position.</summary>
    internal static int Reflect(int position, int length)
    {
        if ((uint)position < (uint)length)
        {
            return position;
        }

        if (length == 1)
        {
            return 0;
        }

        long period = 2L * (length - 1);
        long offset = ((position % period) + period) % period;
        return (int)Math.Min(offset, period - offset);
    }

    // One table for each of blue, green and red.
    private static float[] Levels((double B, double G, double R) mean)
    {
        float[] levels = new float[3 * 256];
        for (int level = 0; level < 256; level++)
        {
            levels[level] = (float)(level - mean.B);
            levels[256 + level] = (float)(level - mean.G);
            levels[512 + level] = (float)(level - mean.R);
        }

        return levels;
    }
}
