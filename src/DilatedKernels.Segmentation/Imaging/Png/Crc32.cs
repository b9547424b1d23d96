using System.Buffers.Binary;

namespace DilatedKernels.Segmentation.Imaging.Png;

/// <summary>The CRC-32 of PNG chunks: reflected polynomial 0xEDB88320, eight bytes at a time from eight tables.</summary>
internal static class Crc32
{
    private static readonly uint[] Tables = BuildTables();

    public static uint Compute(ReadOnlySpan<byte> data)
    {
        uint[] t = Tables;
        uint crc = uint.MaxValue;
        while (data.Length >= 8)
        {
            uint low = BinaryPrimitives.ReadUInt32LittleEndian(data) ^ crc;
            uint high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = t[(7 * 256) + (low & 255)] ^ t[(6 * 256) + ((low >> 8) & 255)] ^ t[(5 * 256) + ((low >> 16) & 255)] ^ t[(4 * 256) + (low >> 24)]
                ^ t[(3 * 256) + (high & 255)] ^ t[(2 * 256) + ((high >> 8) & 255)] ^ t[256 + ((high >> 16) & 255)] ^ t[high >> 24];
            data = data[8..];
        }

        foreach (byte b in data)
        {
            crc = t[(crc ^ b) & 255] ^ (crc >> 8);
        }

        return ~crc;
    }

    // Table k gives a byte's effect after k more zero bytes.
    private static uint[] BuildTables()
    {
        uint[] tables = new uint[8 * 256];
        for (uint value = 0; value < 256; value++)
        {
            uint crc = value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
            }

            tables[value] = crc;
        }

        for (int i = 256; i < tables.Length; i++)
        {
            uint before = tables[i - 256];
            tables[i] = tables[before & 255] ^ (before >> 8);
        }

        return tables;
    }
}
