using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation.Imaging.Jpeg;

namespace DilatedKernels.Tests.Segmentation.Data.Finding;

/// <summary>A folder with photographs and masks wherever a test wants them, all 16×8.</summary>
internal sealed class FoundFolder : IDisposable
{
    public const int Width = 16;
    public const int Height = 8;

    public TemporaryFolder Folder { get; } = new();

    public string Root => Folder.Path;

    /// <summary>Adds photographs: JPEG or PNG, by their extensions.</summary>
    public FoundFolder Photos(params string[] names)
    {
        foreach (string name in names)
        {
            if (name.EndsWith(".png", StringComparison.Ordinal))
            {
                RgbImage noise = new(Width, Height);
                new Random(name.Length).NextBytes(noise.Pixels);
                Folder.Write(name, PngWriter.Encode(noise));
            }
            else
            {
                Folder.Write(name, TestJpeg.Encode(Width, Height, [[60, 200]]));
            }
        }

        return this;
    }

    /// <summary>Adds masks: the left half of one colour, the right one of another.</summary>
    public FoundFolder ColorMasks((byte R, byte G, byte B) left, (byte R, byte G, byte B) right, params string[] names)
    {
        RgbImage mask = new(Width, Height);
        for (int i = 0; i < Width * Height; i++)
        {
            (mask.Pixels[3 * i], mask.Pixels[(3 * i) + 1], mask.Pixels[(3 * i) + 2]) = i % Width < Width / 2 ? left : right;
        }

        return Add(PngWriter.Encode(mask), names);
    }

    /// <summary>Adds black and red masks.</summary>
    public FoundFolder Masks(params string[] names) => ColorMasks((0, 0, 0), (255, 0, 0), names);

    /// <summary>Adds paletted masks of class numbers.</summary>
    public FoundFolder NumberMasks(byte left, byte right, Palette palette, params string[] names)
    {
        IndexMask mask = new(Width, Height);
        for (int i = 0; i < mask.Indices.Length; i++)
        {
            mask.Indices[i] = i % Width < Width / 2 ? left : right;
        }

        return Add(PngWriter.Encode(mask, palette), names);
    }

    public void Dispose() => Folder.Dispose();

    private FoundFolder Add(byte[] file, string[] names)
    {
        foreach (string name in names)
        {
            Folder.Write(name, file);
        }

        return this;
    }
}
