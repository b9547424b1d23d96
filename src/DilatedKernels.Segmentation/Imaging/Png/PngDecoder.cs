using System.IO.Compression;
using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Imaging.Png;

/// <summary>Inflates, unfilters and deinterlaces a PNG's pixels.</summary>
internal static class PngDecoder
{
    /// <summary>Adam7's seven passes: the first column and row of each, and the steps to the next.</summary>
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private static readonly (int X, int Y, int StepX, int StepY)[] Progressive = [(0, 0, 1, 1)];

    /// <summary>
    /// The samples row by row, one byte each with channels interleaved. Depths below 8 keep their values (a 2-bit grey is 0 to 3);
    /// 16-bit samples are rounded to 8.
    /// </summary>
    public static byte[] Decode(PngFile png)
    {
        PngHeader header = png.Header;
        CheckPlausible(png);
        byte[] samples = new byte[(long)header.Width * header.Height * header.Channels];
        using ZLibStream inflater = new(Compressed(png), CompressionMode.Decompress);
        try
        {
            foreach (var pass in header.Interlaced ? Adam7 : Progressive)
            {
                DecodePass(png, inflater, pass, samples);
            }

            // Reading the end makes the inflater compare its checksum too.
            if (inflater.ReadByte() != -1)
            {
                throw new ImageFormatException(png.Path, $"the PNG holds more pixels than the {header.Width}×{header.Height} (width×height) of its header; the file is damaged.");
            }
        }
        catch (InvalidDataException e)
        {
            throw new ImageFormatException(png.Path, "the PNG's compressed pixels cannot be unpacked; the file is damaged.", e);
        }
        catch (EndOfStreamException e)
        {
            throw new ImageFormatException(png.Path, $"the PNG holds fewer pixels than the {header.Width}×{header.Height} (width×height) of its header; the file is damaged or cut off.", e);
        }

        return samples;
    }

    private static void DecodePass(PngFile png, Stream inflater, (int X, int Y, int StepX, int StepY) pass, byte[] samples)
    {
        PngHeader header = png.Header;
        int columns = (header.Width - pass.X + pass.StepX - 1) / pass.StepX;
        int rows = (header.Height - pass.Y + pass.StepY - 1) / pass.StepY;
        // A pass without pixels has no rows at all, not even filter bytes.
        if (columns <= 0 || rows <= 0)
        {
            return;
        }

        // The filter's type precedes each row.
        byte[] row = new byte[1 + header.RowBytes(columns)];
        byte[] previous = new byte[row.Length];
        for (int i = 0; i < rows; i++)
        {
            Watchdog.Mark();
            inflater.ReadExactly(row);
            if (!PngFilter.Undo(row[0], row.AsSpan(1), previous.AsSpan(1), header.FilterDistance))
            {
                throw new ImageFormatException(png.Path, $"a PNG row has the filter type {row[0]}; types are 0 to 4, so the file is damaged.");
            }

            int y = pass.Y + (i * pass.StepY);
            int first = ((y * header.Width) + pass.X) * header.Channels;
            Unpack(header, row.AsSpan(1), columns, samples.AsSpan(first), pass.StepX);
            (row, previous) = (previous, row);
        }
    }

    /// <summary>Spreads a packed row's samples, <paramref name="step"/> pixels apart.</summary>
    private static void Unpack(PngHeader header, ReadOnlySpan<byte> row, int columns, Span<byte> target, int step)
    {
        int channels = header.Channels;
        if (header.BitDepth < 8)
        {
            int depth = header.BitDepth;
            int mask = (1 << depth) - 1;
            for (int x = 0, bit = 8 - depth; x < columns; x++, bit -= depth)
            {
                target[x * step] = (byte)((row[x * depth >> 3] >> (bit & 7)) & mask);
            }
        }
        else if (header.BitDepth == 8 && step == 1)
        {
            row[..(columns * channels)].CopyTo(target);
        }
        else
        {
            for (int x = 0; x < columns; x++)
            {
                for (int c = 0; c < channels; c++)
                {
                    int sample = (x * channels) + c;
                    target[(x * step * channels) + c] = header.BitDepth == 8 ? row[sample] : Round16(row[2 * sample], row[(2 * sample) + 1]);
                }
            }
        }
    }

    // 65535 must become 255, so the divisor is 257.
    private static byte Round16(byte high, byte low) => (byte)((((high << 8) | low) + 128) / 257);

    /// <summary>Refuses a header that promises more pixels than the compressed data could unpack to.</summary>
    private static void CheckPlausible(PngFile png)
    {
        long compressed = png.ImageData.Sum(chunk => (long)chunk.Length);
        PngHeader header = png.Header;
        long packed = (((long)header.Width * header.Channels * header.BitDepth) + 7) / 8 * header.Height;
        if (packed > compressed * ImageLimits.MaxInflation)
        {
            throw new ImageFormatException(
                png.Path, $"the header promises {header.Width}×{header.Height} pixels (width×height), but {compressed} bytes of compressed data cannot hold them; the file is damaged or cut off.");
        }
    }

    private static MemoryStream Compressed(PngFile png)
    {
        byte[] all = new byte[png.ImageData.Sum(chunk => chunk.Length)];
        int offset = 0;
        foreach (ReadOnlyMemory<byte> chunk in png.ImageData)
        {
            chunk.Span.CopyTo(all.AsSpan(offset));
            offset += chunk.Length;
        }

        return new MemoryStream(all, writable: false);
    }
}
