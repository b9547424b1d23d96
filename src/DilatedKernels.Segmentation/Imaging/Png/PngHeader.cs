using System.Buffers.Binary;

namespace DilatedKernels.Segmentation.Imaging.Png;

/// <summary>PNG's colour types.</summary>
internal enum PngColor : byte
{
    Grey = 0,
    Rgb = 2,
    Indexed = 3,
    GreyAlpha = 4,
    RgbAlpha = 6,
}

/// <summary>The content of a PNG's IHDR chunk.</summary>
internal readonly record struct PngHeader(int Width, int Height, int BitDepth, PngColor Color, bool Interlaced)
{
    /// <summary>The length of the chunk's data.</summary>
    public const int Length = 13;

    public int Channels => Color switch
    {
        PngColor.GreyAlpha => 2,
        PngColor.Rgb => 3,
        PngColor.RgbAlpha => 4,
        _ => 1,
    };

    /// <summary>The distance a row filter looks to the left: one whole pixel, at least one byte.</summary>
    public int FilterDistance => Math.Max(1, Channels * BitDepth / 8);

    /// <summary>Bytes of a row of <paramref name="width"/> pixels, without the filter byte.</summary>
    public int RowBytes(int width) => (int)((((long)width * Channels * BitDepth) + 7) / 8);

    public static PngHeader Parse(string path, ReadOnlySpan<byte> data)
    {
        if (data.Length != Length)
        {
            throw new ImageFormatException(path, $"the PNG header has {data.Length} bytes instead of {Length}; the file is damaged.");
        }

        uint width = BinaryPrimitives.ReadUInt32BigEndian(data);
        uint height = BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        ImageLimits.CheckSize(path, width, height);
        int depth = data[8];
        var color = (PngColor)data[9];
        bool valid = color switch
        {
            PngColor.Grey => depth is 1 or 2 or 4 or 8 or 16,
            PngColor.Indexed => depth is 1 or 2 or 4 or 8,
            PngColor.Rgb or PngColor.GreyAlpha or PngColor.RgbAlpha => depth is 8 or 16,
            _ => false,
        };
        if (!valid || data[10] != 0 || data[11] != 0 || data[12] > 1)
        {
            throw new ImageFormatException(
                path, $"the PNG header has bit depth {depth}, colour type {data[9]}, compression {data[10]}, filter {data[11]}, interlace {data[12]}, which is no valid PNG.");
        }

        return new PngHeader((int)width, (int)height, depth, color, data[12] == 1);
    }
}
