using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Brings a sample to another size, with the centres of pixels in half-pixel positions: pixel i of a new row of n stands for <c>(i + 1/2)·old/n − 1/2</c> of the old one. Colours are
/// interpolated bilinearly, rounded to 8 bits, the edges repeated; a label is that of the nearest pixel.
/// </summary>
internal static class Resampling
{
    public static DecodedSample To(Size2 size, DecodedSample sample) => size == new Size2(sample.Image.Height, sample.Image.Width)
        ? sample
        : new DecodedSample(Image(size, sample.Image), Mask(size, sample.Mask));

    private static RgbImage Image(Size2 size, RgbImage image)
    {
        var resized = new RgbImage(size.Width, size.Height);
        (int First, int Second, float Share)[] columns = Taps(size.Width, image.Width);
        (int First, int Second, float Share)[] rows = Taps(size.Height, image.Height);
        for (int y = 0; y < size.Height; y++)
        {
            ReadOnlySpan<byte> above = image.Pixels.AsSpan(3 * image.Width * rows[y].First, 3 * image.Width);
            ReadOnlySpan<byte> below = image.Pixels.AsSpan(3 * image.Width * rows[y].Second, 3 * image.Width);
            float down = rows[y].Share;
            Span<byte> target = resized.Pixels.AsSpan(3 * size.Width * y, 3 * size.Width);
            for (int x = 0; x < size.Width; x++)
            {
                (int first, int second, float right) = columns[x];
                for (int c = 0; c < 3; c++)
                {
                    float top = Between(above[(3 * first) + c], above[(3 * second) + c], right);
                    float bottom = Between(below[(3 * first) + c], below[(3 * second) + c], right);
                    target[(3 * x) + c] = (byte)(Between(top, bottom, down) + 0.5f);
                }
            }
        }

        return resized;
    }

    private static IndexMask Mask(Size2 size, IndexMask mask)
    {
        var resized = new IndexMask(size.Width, size.Height);
        int[] columns = [.. Enumerable.Range(0, size.Width).Select(x => Nearest(x, size.Width, mask.Width))];
        for (int y = 0; y < size.Height; y++)
        {
            int row = Nearest(y, size.Height, mask.Height) * mask.Width;
            for (int x = 0; x < size.Width; x++)
            {
                resized.Indices[(y * size.Width) + x] = mask.Indices[row + columns[x]];
            }
        }

        return resized;
    }

    private static (int First, int Second, float Share)[] Taps(int size, int from)
    {
        var taps = new (int, int, float)[size];
        for (int i = 0; i < size; i++)
        {
            double position = Math.Clamp(((i + 0.5) * from / size) - 0.5, 0, from - 1);
            int first = (int)position;
            taps[i] = (first, Math.Min(first + 1, from - 1), (float)(position - first));
        }

        return taps;
    }

    // floor((i + 1/2) · from / size), in whole numbers.
    private static int Nearest(int i, int size, int from) => (int)(((2L * i) + 1) * from / (2L * size));

    private static float Between(float a, float b, float share) => a + (share * (b - a));
}
