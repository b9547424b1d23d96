using DilatedKernels.Segmentation.Imaging.Jpeg;
using DilatedKernels.Segmentation.Imaging.Png;

namespace DilatedKernels.Segmentation.Imaging;

/// <summary>
/// Reads and writes label masks: PNG files whose stored numbers are class indices. They are never turned into colours, which is
/// where other readers lose them.
/// </summary>
public static class MaskFile
{
    /// <summary>Reads a paletted or grey PNG of 1, 2, 4 or 8 bits a pixel, interlaced or not, keeping the stored numbers.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ImageFormatException">The path is empty, or the file cannot be read, is a pipe or a device, is damaged or cut off, or holds colours, transparency or 16-bit samples instead of indices.</exception>
    public static IndexMask Read(string path) => ToMask(Parse(path));

    /// <summary>Reads a mask of class indices as <see cref="Read"/> does, or the colours of one that holds those instead: one of both is returned.</summary>
    internal static (IndexMask? Indices, RgbImage? Colors) ReadIndicesOrColors(string path)
    {
        PngFile png = Parse(path);
        return png.Header.Color is PngColor.Rgb or PngColor.RgbAlpha ? (null, ImageFile.ToRgb(png)) : (ToMask(png), null);
    }

    /// <summary>Reads the colours that a mask shows: those of its pixels, of its palette, or greys.</summary>
    internal static RgbImage ReadColors(string path) => ImageFile.ToRgb(Parse(path));

    /// <summary>Reads a mask as what it may mean: its indices if it has them, their palette if that is in the file, and the colours that it shows.</summary>
    internal static (IndexMask? Indices, Palette? Palette, RgbImage Colors) ReadBoth(string path)
    {
        PngFile png = Parse(path);
        if (png.Header.Color is PngColor.Rgb or PngColor.RgbAlpha)
        {
            return (null, null, ImageFile.ToRgb(png));
        }

        ReadOnlySpan<byte> entries = png.Palette.Span;
        var colors = new (byte R, byte G, byte B)[png.Header.Color == PngColor.Indexed ? entries.Length / 3 : 0];
        for (int i = 0; i < colors.Length; i++)
        {
            colors[i] = (entries[3 * i], entries[(3 * i) + 1], entries[(3 * i) + 2]);
        }

        return (ToMask(png), colors.Length == 0 ? null : new Palette(colors), ImageFile.ToRgb(png));
    }

    /// <summary>Writes a paletted 8-bit PNG; a reader sees the old file or the whole new one.</summary>
    /// <param name="path">The file to replace or create, in a folder that exists.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="palette">The colours. Indices past its end, such as void, are stored unchanged and shown black.</param>
    /// <exception cref="UserInputException">The file cannot be written.</exception>
    public static void Write(string path, IndexMask mask, Palette palette) => PngWriter.Write(path, mask, palette);

    private static PngFile Parse(string path)
    {
        byte[] file = ImageBytes.Read(path);
        if (JpegFile.HasSignature(file))
        {
            throw new ImageFormatException(path, "the mask is a JPEG, whose compression changes class indices; masks are paletted or grey PNG files.");
        }

        return PngFile.Parse(path, file);
    }

    private static IndexMask ToMask(PngFile png)
    {
        PngHeader header = png.Header;
        if (header.Color is not (PngColor.Grey or PngColor.Indexed))
        {
            string kind = header.Color == PngColor.GreyAlpha ? "grey with transparency" : "colours";
            throw new ImageFormatException(png.Path, $"the mask holds {kind}, not class indices; colour masks must be converted to indices: a paletted or grey PNG whose pixel values are the class numbers.");
        }

        if (header.BitDepth == 16)
        {
            throw new ImageFormatException(png.Path, "the mask has 16 bits a pixel; class indices are 0 to 255, so save it as an 8-bit grey or paletted PNG.");
        }

        return new IndexMask(header.Width, header.Height, PngDecoder.Decode(png));
    }
}
