using System.Runtime.CompilerServices;

namespace DilatedKernels;

/// <summary>
/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): four random words from a
/// 128-bit counter and a 64-bit key, with no state, so any element can be drawn on any device in any order.
/// </summary>
internal static class Philox
{
    public const int Rounds = 10;
    public const uint MultiplierA = 0xD2511F53;
    public const uint MultiplierB = 0xCD9E8D57;
    public const uint WeylA = 0x9E3779B9;
    public const uint WeylB = 0xBB67AE85;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (uint X, uint Y, uint Z, uint W) Generate(ulong key, ulong counterLow, ulong counterHigh)
    {
        uint x = (uint)counterLow, y = (uint)(counterLow >> 32), z = (uint)counterHigh, w = (uint)(counterHigh >> 32);
        uint a = (uint)key, b = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong p = (ulong)MultiplierA * x;
            ulong q = (ulong)MultiplierB * z;
            (x, y, z, w) = ((uint)(q >> 32) ^ y ^ a, (uint)q, (uint)(p >> 32) ^ w ^ b, (uint)p);
            a += WeylA;
            b += WeylB;
        }

        return (x, y, z, w);
    }
}
