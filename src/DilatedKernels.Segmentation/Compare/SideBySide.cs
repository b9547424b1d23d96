using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>Pictures in a row, as in the paper's figures.</summary>
internal static class SideBySide
{
    private const int Gap = 4;

    /// <summary>A mask in its classes' colours; what is no class is white.</summary>
    public static RgbImage Colors(IndexMask mask, Palette palette)
    {
        byte[] pixels = new byte[3 * mask.Indices.Length];
        for (int i = 0; i < mask.Indices.Length; i++)
        {
            (byte r, byte g, byte b) = mask.Indices[i] < palette.Count ? palette[mask.Indices[i]] : ((byte)255, (byte)255, (byte)255);
            (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]) = (r, g, b);
        }

        return new RgbImage(mask.Width, mask.Height, pixels);
    }

    /// <summary>White, of another picture's size.</summary>
    public static RgbImage Blank(RgbImage like)
    {
        byte[] pixels = new byte[like.Pixels.Length];
        pixels.AsSpan().Fill(255);
        return new RgbImage(like.Width, like.Height, pixels);
    }

    /// <summary>Pictures of one height from left to right with white between them.</summary>
    public static RgbImage Join(IReadOnlyList<RgbImage> pictures)
    {
        int height = pictures[0].Height;
        int width = pictures.Sum(picture => picture.Width) + (Gap * (pictures.Count - 1));
        byte[] pixels = new byte[3 * width * height];
        pixels.AsSpan().Fill(255);
        int left = 0;
        foreach (RgbImage picture in pictures)
        {
            for (int y = 0; y < height; y++)
            {
                picture.Pixels.AsSpan(3 * y * picture.Width, 3 * picture.Width).CopyTo(pixels.AsSpan(3 * ((y * width) + left)));
            }

            left += picture.Width + Gap;
        }

        return new RgbImage(width, height, pixels);
    }
}
