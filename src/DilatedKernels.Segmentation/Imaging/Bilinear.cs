namespace DilatedKernels.Segmentation.Imaging;

/// <summary>
/// Bilinear resizing with the centres of pixels in line: along an axis from n to m pixels, pixel x is at <c>(x + ½)·n/m − ½</c> between those of the source,
/// whose borders go on beyond it. Not smoothed where it makes smaller. The mirror image of what it gives is, bit for bit, what it gives of the mirror image.
/// </summary>
internal static class Bilinear
{
    /// <summary>An image of another size, rounded to whole levels; the image itself where it has that size.</summary>
    public static RgbImage Resize(RgbImage image, int width, int height)
    {
        if (width == image.Width && height == image.Height)
        {
            return image;
        }

        var resized = new RgbImage(width, height);
        Tap[] columns = Taps(image.Width, width);
        Tap[] rows = Taps(image.Height, height);
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> above = image.Pixels.AsSpan(3 * image.Width * rows[y].First, 3 * image.Width);
            ReadOnlySpan<byte> below = image.Pixels.AsSpan(3 * image.Width * rows[y].Second, 3 * image.Width);
            Span<byte> target = resized.Pixels.AsSpan(3 * width * y, 3 * width);
            for (int x = 0; x < width; x++)
            {
                Tap tap = columns[x];
                for (int c = 0; c < 3; c++)
                {
                    float upper = tap.Between(above[(3 * tap.First) + c], above[(3 * tap.Second) + c]);
                    float lower = tap.Between(below[(3 * tap.First) + c], below[(3 * tap.Second) + c]);
                    target[(3 * x) + c] = (byte)(rows[y].Between(upper, lower) + 0.5f);
                }
            }
        }

        return resized;
    }

    /// <summary>Adds a map, resized, to another.</summary>
    /// <param name="map">The map <c>[size.Height, size.Width, channels]</c>.</param>
    /// <param name="size">Its size.</param>
    /// <param name="channels">Values of a pixel.</param>
    /// <param name="sum">What is added to, <c>[sumSize.Height, sumSize.Width, channels]</c>.</param>
    /// <param name="sumSize">Its size.</param>
    public static void Add(ReadOnlySpan<float> map, Size2 size, int channels, Span<float> sum, Size2 sumSize)
    {
        Tap[] columns = Taps(size.Width, sumSize.Width);
        Tap[] rows = Taps(size.Height, sumSize.Height);
        int rowLength = size.Width * channels;
        for (int y = 0; y < sumSize.Height; y++)
        {
            ReadOnlySpan<float> above = map.Slice(rows[y].First * rowLength, rowLength);
            ReadOnlySpan<float> below = map.Slice(rows[y].Second * rowLength, rowLength);
            for (int x = 0; x < sumSize.Width; x++)
            {
                Tap tap = columns[x];
                int first = tap.First * channels;
                int second = tap.Second * channels;
                Span<float> target = sum.Slice(((y * sumSize.Width) + x) * channels, channels);
                for (int c = 0; c < target.Length; c++)
                {
                    target[c] += rows[y].Between(tap.Between(above[first + c], above[second + c]), tap.Between(below[first + c], below[second + c]));
                }
            }
        }
    }

    private static Tap[] Taps(int from, int to)
    {
        var taps = new Tap[to];
        long unit = 2L * to;
        for (int i = 0; i < to; i++)
        {
            // In units of 1/unit of a source pixel, so that both weights are exact before they are rounded.
            long position = Math.Clamp((((2L * i) + 1) * from) - to, 0, (from - 1) * unit);
            int first = (int)(position / unit);
            long rest = position % unit;
            taps[i] = new Tap(first, Math.Min(first + 1, from - 1), (float)((unit - rest) / (double)unit), (float)(rest / (double)unit));
        }

        return taps;
    }

    private readonly record struct Tap(int First, int Second, float FirstWeight, float SecondWeight)
    {
        public float Between(float first, float second) => (first * FirstWeight) + (second * SecondWeight);
    }
}
