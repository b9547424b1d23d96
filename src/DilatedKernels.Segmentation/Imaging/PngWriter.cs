using System.Buffers.Binary;
using System.IO.Compression;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Imaging.Png;

namespace DilatedKernels.Segmentation.Imaging;

/// <summary>
/// Writes PNG files: RGB with the row filter that leaves the smallest differences, and paletted masks unfiltered, whose long
/// runs deflate finds by itself. The same image gives the same bytes on one version of .NET.
/// </summary>
public static class PngWriter
{
    /// <summary>The PNG of an image, 8 bits a channel.</summary>
    /// <param name="image">The image.</param>
    public static byte[] Encode(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Encode(image.Width, image.Height, PngColor.Rgb, [], image.Pixels);
    }

    /// <summary>The paletted PNG of a mask, 8 bits an index.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="palette">The colours. Indices past its end, such as void, are stored unchanged and shown black.</param>
    public static byte[] Encode(IndexMask mask, Palette palette)
    {
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentNullException.ThrowIfNull(palette);
        int highest = 0;
        foreach (byte index in mask.Indices)
        {
            highest = Math.Max(highest, index);
        }

        // The format wants an entry for every index that occurs.
        byte[] entries = new byte[3 * Math.Max(palette.Count, highest + 1)];
        for (int i = 0; i < palette.Count; i++)
        {
            (entries[3 * i], entries[(3 * i) + 1], entries[(3 * i) + 2]) = palette[i];
        }

        return Encode(mask.Width, mask.Height, PngColor.Indexed, entries, mask.Indices);
    }

    /// <summary>Writes an image; a reader sees the old file or the whole new one.</summary>
    /// <param name="path">The file to replace or create, in a folder that exists.</param>
    /// <param name="image">The image.</param>
    /// <exception cref="UserInputException">The file cannot be written.</exception>
    public static void Write(string path, RgbImage image) => AtomicFile.Write(path, Encode(image));

    /// <summary>Writes a mask; a reader sees the old file or the whole new one.</summary>
    /// <param name="path">The file to replace or create, in a folder that exists.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="palette">The colours. Indices past its end, such as void, are stored unchanged and shown black.</param>
    /// <exception cref="UserInputException">The file cannot be written.</exception>
    public static void Write(string path, IndexMask mask, Palette palette) => AtomicFile.Write(path, Encode(mask, palette));

    private static byte[] Encode(int width, int height, PngColor color, ReadOnlySpan<byte> palette, byte[] samples)
    {
        using MemoryStream file = new();
        file.Write(PngFile.Signature);
        Span<byte> header = stackalloc byte[PngHeader.Length];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        header[8] = 8;
        header[9] = (byte)color;
        header[10..].Clear();
        WriteChunk(file, "IHDR"u8, header);
        if (!palette.IsEmpty)
        {
            WriteChunk(file, "PLTE"u8, palette);
        }

        WriteChunk(file, "IDAT"u8, Compress(width, height, color, samples));
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static ReadOnlySpan<byte> Compress(int width, int height, PngColor color, byte[] samples)
    {
        MemoryStream compressed = new();
        using (ZLibStream deflater = new(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            int rowBytes = samples.Length / height;
            int distance = rowBytes / width;
            byte[] above = new byte[rowBytes];
            byte[] candidate = new byte[1 + rowBytes];
            byte[] best = new byte[1 + rowBytes];
            for (int y = 0; y < height; y++)
            {
                Watchdog.Mark();
                ReadOnlySpan<byte> row = samples.AsSpan(y * rowBytes, rowBytes);
                long bestCost = long.MaxValue;
                for (int type = 0; type < (color == PngColor.Rgb ? PngFilter.Types : 1); type++)
                {
                    candidate[0] = (byte)type;
                    PngFilter.Apply(type, row, above, distance, candidate.AsSpan(1));
                    long cost = Cost(candidate);
                    if (cost < bestCost)
                    {
                        bestCost = cost;
                        (best, candidate) = (candidate, best);
                    }
                }

                deflater.Write(best);
                row.CopyTo(above);
            }
        }

        return compressed.GetBuffer().AsSpan(0, (int)compressed.Length);
    }

    // Differences are modulo 256: 255 is as small as 1.
    private static long Cost(ReadOnlySpan<byte> filtered)
    {
        long sum = 0;
        foreach (byte value in filtered[1..])
        {
            sum += Math.Min(value, 256 - value);
        }

        return sum;
    }

    private static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
        file.Write(word);
        int start = (int)file.Position;
        file.Write(type);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(word, Crc32.Compute(file.GetBuffer().AsSpan(start, (int)file.Position - start)));
        file.Write(word);
    }
}
