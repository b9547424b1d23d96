using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Which colours occur in colour-coded masks, and in how many pixels. A colour is the number 0xRRGGBB.</summary>
internal sealed class MaskColors
{
    /// <summary>More are no palette; the pixels of those that come later are counted together.</summary>
    public const int Most = 256;

    private readonly Dictionary<int, long> _pixels = [];

    /// <summary>The number of masks that hold colours.</summary>
    public int Masks { get; private set; }

    /// <summary>The pixels of each colour, at most <see cref="Most"/> of them.</summary>
    public IReadOnlyDictionary<int, long> Pixels => _pixels;

    /// <summary>The pixels of all other colours.</summary>
    public long OtherPixels { get; private set; }

    /// <summary>All pixels.</summary>
    public long AllPixels => _pixels.Values.Sum() + OtherPixels;

    /// <summary>Counts the colours of one mask.</summary>
    public static MaskColors Of(RgbImage mask)
    {
        MaskColors colors = new() { Masks = 1 };
        int pixels = mask.Width * mask.Height;
        for (int i = 0, run; i < pixels; i += run)
        {
            // Neighbours are mostly equal in masks.
            int color = At(mask, i);
            for (run = 1; i + run < pixels && At(mask, i + run) == color; run++)
            {
            }

            colors.Add(color, run);
        }

        return colors;
    }

    /// <summary>Adds the counts of other masks.</summary>
    public void Add(MaskColors other)
    {
        Masks += other.Masks;
        OtherPixels += other.OtherPixels;
        foreach ((int color, long pixels) in other._pixels)
        {
            Add(color, pixels);
        }
    }

    /// <summary>The colour of a pixel.</summary>
    public static int At(RgbImage image, int pixel) => (image.Pixels[3 * pixel] << 16) | (image.Pixels[(3 * pixel) + 1] << 8) | image.Pixels[(3 * pixel) + 2];

    /// <summary>A colour as people read it.</summary>
    public static string Text(int color) => $"({color >> 16}, {(color >> 8) & 255}, {color & 255})";

    private void Add(int color, long pixels)
    {
        if (_pixels.Count < Most || _pixels.ContainsKey(color))
        {
            _pixels[color] = _pixels.GetValueOrDefault(color) + pixels;
        }
        else
        {
            OtherPixels += pixels;
        }
    }
}
