using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace DilatedKernels.Tests.Segmentation.Imaging.Png;

/// <summary>
/// A PNG encoder written for the tests straight from the specification, sharing nothing with the library: every colour type, depth,
/// filter and interlacing, and ways to make files that are wrong in one chosen respect.
/// </summary>
internal sealed class TestPng
{
    private static readonly (int X, int Y, int StepX, int StepY)[] Adam7 =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int Depth { get; init; }

    /// <summary>0 grey, 2 RGB, 3 indexed, 4 grey and alpha, 6 RGB and alpha.</summary>
    public required int Color { get; init; }

    public bool Interlaced { get; init; }

    /// <summary>Channels interleaved, row by row, each 0 to 2^Depth − 1.</summary>
    public required int[] Samples { get; init; }

    /// <summary>R, G, B of each entry.</summary>
    public byte[] Palette { get; init; } = [];

    /// <summary>The filter type of a row; the default uses all five in turn.</summary>
    public Func<int, int> Filter { get; init; } = row => row % 5;

    /// <summary>The most data bytes of an IDAT chunk.</summary>
    public int ChunkBytes { get; init; } = int.MaxValue;

    public int Channels => Color switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

    /// <summary>A picture of seeded noise.</summary>
    public static TestPng Noise(int width, int height, int color, int depth, bool interlaced = false, int seed = 1)
    {
        Random random = new(seed);
        int channels = color switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        int[] samples = new int[width * height * channels];
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = random.Next(1 << depth);
        }

        byte[] palette = new byte[color == 3 ? 3 << depth : 0];
        random.NextBytes(palette);
        return new TestPng { Width = width, Height = height, Depth = depth, Color = color, Interlaced = interlaced, Samples = samples, Palette = palette };
    }

    public byte[] Encode() => File([("IHDR", Header()), .. Palette.Length > 0 ? [("PLTE", Palette)] : Array.Empty<(string, byte[])>(), .. ImageData(), ("IEND", [])]);

    public byte[] Header()
    {
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), Height);
        (header[8], header[9], header[12]) = ((byte)Depth, (byte)Color, (byte)(Interlaced ? 1 : 0));
        return header;
    }

    public IEnumerable<(string Type, byte[] Data)> ImageData()
        => Compress(Rows()).Chunk(Math.Min(ChunkBytes, 1 << 20)).Select(part => ("IDAT", part));

    /// <summary>The filtered rows of all passes, each with its filter type in front.</summary>
    public byte[] Rows()
    {
        using MemoryStream rows = new();
        foreach ((int x0, int y0, int stepX, int stepY) in Interlaced ? Adam7 : [(0, 0, 1, 1)])
        {
            byte[]? above = null;
            int number = 0;
            for (int y = y0; y < Height && x0 < Width; y += stepY, number++)
            {
                byte[] row = Pack(y, x0, stepX);
                above ??= new byte[row.Length];
                int filter = Filter(number);
                rows.WriteByte((byte)filter);
                rows.Write(ApplyFilter(filter, row, above));
                above = row;
            }
        }

        return rows.ToArray();
    }

    public static byte[] Compress(byte[] data)
    {
        using MemoryStream compressed = new();
        using (ZLibStream deflater = new(compressed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            deflater.Write(data);
        }

        return compressed.ToArray();
    }

    /// <summary>A PNG of any chunks, with right lengths and checksums.</summary>
    public static byte[] File(IEnumerable<(string Type, byte[] Data)> chunks)
    {
        using MemoryStream file = new();
        file.Write([137, 80, 78, 71, 13, 10, 26, 10]);
        foreach ((string type, byte[] data) in chunks)
        {
            byte[] word = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
            file.Write(word);
            byte[] body = [.. Encoding.Latin1.GetBytes(type), .. data];
            file.Write(body);
            BinaryPrimitives.WriteUInt32BigEndian(word, Checksum(body));
            file.Write(word);
        }

        return file.ToArray();
    }

    /// <summary>CRC-32 bit by bit.</summary>
    public static uint Checksum(ReadOnlySpan<byte> data)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 1 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
            }
        }

        return crc ^ 0xFFFFFFFF;
    }

    private byte[] Pack(int y, int x0, int stepX)
    {
        List<bool> bits = [];
        for (int x = x0; x < Width; x += stepX)
        {
            for (int c = 0; c < Channels; c++)
            {
                int sample = Samples[(((y * Width) + x) * Channels) + c];
                for (int bit = Depth - 1; bit >= 0; bit--)
                {
                    bits.Add(((sample >> bit) & 1) == 1);
                }
            }
        }

        byte[] row = new byte[(bits.Count + 7) / 8];
        for (int i = 0; i < bits.Count; i++)
        {
            row[i / 8] |= (byte)(bits[i] ? 128 >> (i % 8) : 0);
        }

        return row;
    }

    private byte[] ApplyFilter(int type, byte[] row, byte[] above)
    {
        int distance = Math.Max(1, Channels * Depth / 8);
        byte[] filtered = new byte[row.Length];
        for (int i = 0; i < row.Length; i++)
        {
            int a = i < distance ? 0 : row[i - distance];
            int b = above[i];
            int c = i < distance ? 0 : above[i - distance];
            int p = a + b - c;
            int[] byDistance = [.. new[] { a, b, c }.OrderBy(value => Math.Abs(p - value))];
            int prediction = type switch { 1 => a, 2 => b, 3 => (a + b) / 2, 4 => byDistance[0], _ => 0 };
            filtered[i] = (byte)(row[i] - prediction);
        }

        return filtered;
    }
}
