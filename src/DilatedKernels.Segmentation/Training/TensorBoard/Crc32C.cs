namespace DilatedKernels.Segmentation.Training.TensorBoard;

/// <summary>CRC-32C (Castagnoli): reflected polynomial 0x82F63B78; and the masked form that TFRecord files store.</summary>
internal static class Crc32C
{
    private const uint MaskDelta = 0xA282EAD8;
    private static readonly uint[] s_table = Build();

    public static uint Compute(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in data)
        {
            crc = s_table[(crc ^ b) & 255] ^ (crc >> 8);
        }

        return ~crc;
    }

    /// <summary>Rotated by 15 bits and moved, so that a checksum of data that hold checksums stays one.</summary>
    public static uint Masked(ReadOnlySpan<byte> data)
    {
        uint crc = Compute(data);
        return ((crc >> 15) | (crc << 17)) + MaskDelta;
    }

    private static uint[] Build()
    {
        uint[] table = new uint[256];
        for (uint value = 0; value < 256; value++)
        {
            uint crc = value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0x82F63B78 & (0 - (crc & 1)));
            }

            table[value] = crc;
        }

        return table;
    }
}
