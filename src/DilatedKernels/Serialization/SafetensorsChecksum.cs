using System.Security.Cryptography;
using System.Text;

namespace DilatedKernels.Serialization;

/// <summary>
/// The SHA-256 of a whole file under <see cref="Key"/> in its own metadata, in 64 hexadecimal digits that count as zeros: with it a file that a disk or a
/// copy has damaged is told from a whole one.
/// </summary>
internal static class SafetensorsChecksum
{
    public const string Key = "checksum.sha256";

    /// <summary>What stands in the file until the digest is known.</summary>
    public static string Placeholder { get; } = new('0', 2 * SHA256.HashSizeInBytes);

    // Quotes inside of JSON strings are escaped, so this is nowhere else.
    private static ReadOnlySpan<byte> Before => "\"checksum.sha256\":\""u8;

    /// <summary>Where in the header the digits are, or an empty range.</summary>
    public static Range Digits(ReadOnlySpan<byte> header)
    {
        int at = header.IndexOf(Before);
        int begin = at + Before.Length;
        return at >= 0 && begin + Placeholder.Length < header.Length && header[begin + Placeholder.Length] == '"' ? begin..(begin + Placeholder.Length) : ..0;
    }

    public static byte[] Hex(ReadOnlySpan<byte> digest) => Encoding.ASCII.GetBytes(Convert.ToHexStringLower(digest));
}
