namespace DilatedKernels.Tests.Segmentation.Imaging.Jpeg;

/// <summary>
/// A baseline JPEG encoder for pictures of flat 8×8 blocks: only the mean of a block is coded. With a quantiser of 8 a block's level is
/// exactly 128 plus its coefficient, so decoded greys are known to the last bit.
/// </summary>
internal static class TestJpeg
{
    /// <summary>Encodes one to three planes (grey, or luma and two chromas), each a list of its blocks' levels row by row.</summary>
    public static byte[] Encode(int width, int height, byte[][] planes)
    {
        List<byte> file = [0xFF, 0xD8];
        Segment(file, 0xDB, [0, .. Enumerable.Repeat((byte)8, 64)]);
        List<byte> frame = [8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, (byte)planes.Length];
        List<byte> scan = [(byte)planes.Length];
        for (byte c = 1; c <= planes.Length; c++)
        {
            frame.AddRange([c, 0x11, 0]);
            scan.AddRange([c, 0x00]);
        }

        Segment(file, 0xC0, frame);
        // Twelve codes of four bits for the sizes of the means; one code of one bit for "no more coefficients".
        Segment(file, 0xC4, [0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, .. Enumerable.Range(0, 12).Select(i => (byte)i)]);
        Segment(file, 0xC4, [0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        Segment(file, 0xDA, [.. scan, 0, 63, 0]);
        file.AddRange(Scan(((width + 7) / 8) * ((height + 7) / 8), planes));
        file.AddRange([0xFF, 0xD9]);
        return [.. file];
    }

    public static void Segment(List<byte> file, byte marker, IReadOnlyCollection<byte> data)
    {
        int length = data.Count + 2;
        file.AddRange([0xFF, marker, (byte)(length >> 8), (byte)length, .. data]);
    }

    private static List<byte> Scan(int blocks, byte[][] planes)
    {
        List<bool> bits = [];
        int[] previous = new int[planes.Length];
        for (int block = 0; block < blocks; block++)
        {
            for (int c = 0; c < planes.Length; c++)
            {
                int mean = planes[c][block] - 128;
                int difference = mean - previous[c];
                previous[c] = mean;
                int size = 32 - int.LeadingZeroCount(Math.Abs(difference));
                Put(bits, size, 4);
                Put(bits, difference < 0 ? difference + (1 << size) - 1 : difference, size);
                Put(bits, 0, 1);
            }
        }

        while (bits.Count % 8 != 0)
        {
            bits.Add(true);
        }

        List<byte> bytes = [];
        foreach (bool[] chunk in bits.Chunk(8))
        {
            byte value = (byte)chunk.Aggregate(0, (sum, bit) => (sum << 1) | (bit ? 1 : 0));
            bytes.Add(value);
            if (value == 0xFF)
            {
                bytes.Add(0);
            }
        }

        return bytes;
    }

    private static void Put(List<bool> bits, int value, int count)
    {
        for (int bit = count - 1; bit >= 0; bit--)
        {
            bits.Add(((value >> bit) & 1) == 1);
        }
    }
}
