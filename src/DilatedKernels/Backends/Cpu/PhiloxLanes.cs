using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu;

/// <summary><see cref="RandomKey.Words"/> for four blocks at a time: one block a 64-bit lane, each state word in the low half of its lane.</summary>
internal static unsafe class PhiloxLanes
{
    /// <summary>Elements in four blocks.</summary>
    public const int Words = 16;

    /// <summary>Writes the sixteen words of blocks <paramref name="firstBlock"/> to <paramref name="firstBlock"/> + 3, in element order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Generate(in RandomKey key, long firstBlock, uint* words)
    {
        Vector256<ulong> x = Vector256.Create((ulong)firstBlock) + Vector256<ulong>.Indices;
        Vector256<ulong> y = Vector256.Create((ulong)key.Layer);
        Vector256<ulong> z = Vector256.Create((ulong)(uint)key.Step);
        Vector256<ulong> w = Vector256.Create(key.Step >> 32);
        uint a = (uint)key.Seed;
        uint b = (uint)(key.Seed >> 32);
        for (int round = 0; round < Philox.Rounds; round++)
        {
            Vector256<ulong> p = WideProduct(x, Philox.MultiplierA);
            Vector256<ulong> q = WideProduct(z, Philox.MultiplierB);
            x = Vector256.ShiftRightLogical(q, 32) ^ y ^ Vector256.Create((ulong)a);
            z = Vector256.ShiftRightLogical(p, 32) ^ w ^ Vector256.Create((ulong)b);
            y = q;
            w = p;
            a += Philox.WeylA;
            b += Philox.WeylB;
        }

        Vector256<ulong> lowHalf = Vector256.Create((ulong)uint.MaxValue);
        Vector256<ulong> xy = (x & lowHalf) | Vector256.ShiftLeft(y, 32);
        Vector256<ulong> zw = (z & lowHalf) | Vector256.ShiftLeft(w, 32);
        Vector128.Create(xy[0], zw[0]).AsUInt32().Store(words);
        Vector128.Create(xy[1], zw[1]).AsUInt32().Store(words + 4);
        Vector128.Create(xy[2], zw[2]).AsUInt32().Store(words + 8);
        Vector128.Create(xy[3], zw[3]).AsUInt32().Store(words + 12);
    }

    /// <summary>The 64-bit product of each lane's low half with a factor; the high halves may hold anything.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> WideProduct(Vector256<ulong> lanes, uint factor) => Avx2.IsSupported
        ? Avx2.Multiply(lanes.AsUInt32(), Vector256.Create((ulong)factor).AsUInt32())
        : (lanes & Vector256.Create((ulong)uint.MaxValue)) * factor;
}
