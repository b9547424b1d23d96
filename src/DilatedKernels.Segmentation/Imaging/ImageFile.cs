using DilatedKernels.Segmentation.Imaging.Jpeg;
using DilatedKernels.Segmentation.Imaging.Png;

namespace DilatedKernels.Segmentation.Imaging;

/// <summary>
/// Reads photographs: PNG of every colour type and depth, baseline and progressive JPEG. The kind is told by the content, not by
/// the file's name. Orientation tags and colour profiles are ignored, because label masks refer to pixels as they are stored.
/// </summary>
public static class ImageFile
{
    /// <summary>
    /// Reads an image. Grey becomes equal R, G and B, palettes are looked up, 16 bits are rounded to 8, and transparency is dropped.
    /// </summary>
    /// <param name="path">The file: up to 512 MiB, 65,535 pixels a side and 2²⁷ pixels in all.</param>
    /// <exception cref="ImageFormatException">The path is empty, or the file cannot be read, is a pipe or a device, is damaged, cut off, too large, or neither PNG nor JPEG.</exception>
    public static RgbImage Read(string path)
    {
        byte[] file = ImageBytes.Read(path);
        return IsPng(path, file) ? ToRgb(PngFile.Parse(path, file)) : JpegFile.Decode(path, file);
    }

    /// <summary>Reads only an image's size, with the checks of the container but none of the pixels.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ImageFormatException">The path is empty, or the file cannot be read, is a pipe or a device, is damaged, cut off, too large, or neither PNG nor JPEG.</exception>
    public static (int Width, int Height) ReadSize(string path)
    {
        byte[] file = ImageBytes.Read(path);
        if (!IsPng(path, file))
        {
            return JpegFile.ReadSize(path, file);
        }

        PngHeader header = PngFile.Parse(path, file).Header;
        return (header.Width, header.Height);
    }

    /// <summary>The colours of a PNG, as <see cref="Read"/> gives them.</summary>
    internal static RgbImage ToRgb(PngFile png)
    {
        byte[] samples = PngDecoder.Decode(png);
        PngHeader header = png.Header;
        return header.Color switch
        {
            PngColor.Rgb => new RgbImage(header.Width, header.Height, samples),
            PngColor.RgbAlpha => new RgbImage(header.Width, header.Height, DropAlpha(samples)),
            PngColor.Indexed => new RgbImage(header.Width, header.Height, LookUp(png, samples)),
            _ => new RgbImage(header.Width, header.Height, RepeatGrey(header, samples)),
        };
    }

    private static bool IsPng(string path, byte[] file)
    {
        if (PngFile.HasSignature(file))
        {
            return true;
        }

        return JpegFile.HasSignature(file) ? false : throw new ImageFormatException(
            path, $"the file is neither PNG nor JPEG: it starts with the bytes {Convert.ToHexString(file.AsSpan(0, Math.Min(8, file.Length)))}.");
    }

    private static byte[] DropAlpha(byte[] samples)
    {
        byte[] pixels = new byte[samples.Length / 4 * 3];
        for (int i = 0, j = 0; i < pixels.Length; i += 3, j += 4)
        {
            pixels[i] = samples[j];
            pixels[i + 1] = samples[j + 1];
            pixels[i + 2] = samples[j + 2];
        }

        return pixels;
    }

    private static byte[] RepeatGrey(PngHeader header, byte[] samples)
    {
        // Depths below 8 are stretched to the whole range: 255 is a multiple of 1, 3 and 15.
        int scale = header.BitDepth < 8 ? 255 / ((1 << header.BitDepth) - 1) : 1;
        byte[] pixels = new byte[samples.Length / header.Channels * 3];
        for (int i = 0, j = 0; i < pixels.Length; i += 3, j += header.Channels)
        {
            pixels.AsSpan(i, 3).Fill((byte)(samples[j] * scale));
        }

        return pixels;
    }

    private static byte[] LookUp(PngFile png, byte[] indices)
    {
        ReadOnlySpan<byte> palette = png.Palette.Span;
        byte[] pixels = new byte[indices.Length * 3];
        for (int i = 0; i < indices.Length; i++)
        {
            int entry = 3 * indices[i];
            if (entry >= palette.Length)
            {
                throw new ImageFormatException(
                    png.Path, $"the pixel at x {i % png.Header.Width}, y {i / png.Header.Width} has palette index {indices[i]}, but the palette has {palette.Length / 3} colours; the file is damaged.");
            }

            palette.Slice(entry, 3).CopyTo(pixels.AsSpan(3 * i));
        }

        return pixels;
    }
}
