namespace DilatedKernels.Segmentation.Imaging;

/// <summary>Makes pictures smaller: images by the mean of the pixels that fall on one, masks by the pixel in their middle.</summary>
internal static class Reduction
{
    /// <summary>An image whose sides are at most <paramref name="longestSide"/>; the image itself where it is small enough.</summary>
    public static RgbImage Of(RgbImage image, int longestSide)
    {
        (int width, int height) = SizeOf(image.Width, image.Height, longestSide);
        if (width == image.Width && height == image.Height)
        {
            return image;
        }

        var reduced = new RgbImage(width, height);
        for (int y = 0; y < height; y++)
        {
            (int top, int bottom) = Range(y, height, image.Height);
            for (int x = 0; x < width; x++)
            {
                (int left, int right) = Range(x, width, image.Width);
                Mean(image, left, right, top, bottom, reduced.Pixels.AsSpan(3 * ((y * width) + x), 3));
            }
        }

        return reduced;
    }

    /// <summary>The same of a mask.</summary>
    public static IndexMask Of(IndexMask mask, int longestSide)
    {
        (int width, int height) = SizeOf(mask.Width, mask.Height, longestSide);
        if (width == mask.Width && height == mask.Height)
        {
            return mask;
        }

        var reduced = new IndexMask(width, height);
        for (int i = 0; i < reduced.Indices.Length; i++)
        {
            int y = (int)(((2L * (i / width)) + 1) * mask.Height / (2 * height));
            int x = (int)(((2L * (i % width)) + 1) * mask.Width / (2 * width));
            reduced.Indices[i] = mask.Indices[(y * mask.Width) + x];
        }

        return reduced;
    }

    private static (int Width, int Height) SizeOf(int width, int height, int longestSide)
    {
        int longest = Math.Max(width, height);
        return longest <= longestSide ? (width, height) : (Math.Max(1, (int)((long)width * longestSide / longest)), Math.Max(1, (int)((long)height * longestSide / longest)));
    }

    private static (int From, int To) Range(int position, int reduced, int whole) => ((int)((long)position * whole / reduced), (int)(((long)position + 1) * whole / reduced));

    private static void Mean(RgbImage image, int left, int right, int top, int bottom, Span<byte> target)
    {
        long r = 0;
        long g = 0;
        long b = 0;
        for (int y = top; y < bottom; y++)
        {
            ReadOnlySpan<byte> row = image.Pixels.AsSpan(3 * ((y * image.Width) + left), 3 * (right - left));
            for (int i = 0; i < row.Length; i += 3)
            {
                (r, g, b) = (r + row[i], g + row[i + 1], b + row[i + 2]);
            }
        }

        long count = (long)(right - left) * (bottom - top);
        (target[0], target[1], target[2]) = ((byte)((r + (count / 2)) / count), (byte)((g + (count / 2)) / count), (byte)((b + (count / 2)) / count));
    }
}
