namespace DilatedKernels.Tests.Hostile;

/// <summary>Damages bytes as disks, editors and attackers do: flipped bits, other values, cuts, repeats, extreme numbers. The same draw gives the same damage.</summary>
internal static class Mutation
{
    private static readonly byte[][] Extremes =
    [
        [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0, 0, 0, 0, 0, 0], [0x80, 0, 0, 0], "-1"u8.ToArray(),
        "9223372036854775807"u8.ToArray(), "1e999"u8.ToArray(), "null"u8.ToArray(), "\""u8.ToArray(), "[[[["u8.ToArray(), "\\uD800"u8.ToArray(),
    ];

    public static byte[] Of(ReadOnlySpan<byte> original, RandomSequence random)
    {
        List<byte> bytes = [.. original];
        for (int rounds = 1 + random.NextInt32(3); rounds > 0 && bytes.Count > 8; rounds--)
        {
            int at = random.NextInt32(bytes.Count);
            int length = Math.Min(1 + random.NextInt32(40), bytes.Count - at);
            switch (random.NextInt32(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.NextInt32(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.NextInt32(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 3:
                    bytes.RemoveRange(at, length);
                    break;
                case 4:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 5:
                    bytes.InsertRange(at, Enumerable.Repeat((byte)0xFF, 1 + random.NextInt32(10)));
                    break;
                case 6:
                    byte[] extreme = Extremes[random.NextInt32(Extremes.Length)];
                    bytes.RemoveRange(at, Math.Min(extreme.Length, bytes.Count - at));
                    bytes.InsertRange(at, extreme);
                    break;
                default:
                    for (int i = 0; i < length; i++)
                    {
                        bytes[at + i] = (byte)random.NextInt32(256);
                    }

                    break;
            }
        }

        return [.. bytes];
    }
}
