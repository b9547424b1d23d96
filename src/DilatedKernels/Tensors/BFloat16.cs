using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels;

/// <summary>
/// Conversions between float32 and bfloat16, the upper 16 bits of a float32. Rounding is to the nearest, ties to even, past the largest number to
/// infinity; every NaN becomes 0x7FFF, as on a GPU. Widening is exact.
/// </summary>
internal static class BFloat16
{
    private const ushort NaN = 0x7FFF;

    // Just under half of the last bit kept. With that bit added, it carries exactly where the number must be rounded up.
    private const uint BelowHalf = 0x7FFF;

    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? NaN : (ushort)((bits + BelowHalf + ((bits >> 16) & 1)) >> 16);
    }

    public static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>Rounds as many values as <paramref name="source"/> has.</summary>
    public static void Round(ReadOnlySpan<float> source, Span<ushort> target)
    {
        target = target[..source.Length];
        ref float from = ref MemoryMarshal.GetReference(source);
        ref ushort to = ref MemoryMarshal.GetReference(target);
        int i = 0;
        for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            Vector256<uint> lower = RoundLanes(Vector256.LoadUnsafe(ref from, (nuint)i));
            Vector256<uint> upper = RoundLanes(Vector256.LoadUnsafe(ref from, (nuint)(i + Vector256<float>.Count)));
            Vector256.Narrow(lower, upper).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < source.Length; i++)
        {
            target[i] = Round(source[i]);
        }
    }

    /// <summary>Widens as many values as <paramref name="source"/> has.</summary>
    public static void Widen(ReadOnlySpan<ushort> source, Span<float> target)
    {
        target = target[..source.Length];
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(target);
        int i = 0;
        for (; i <= source.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.LoadUnsafe(ref from, (nuint)i));
            Vector256.ShiftLeft(lower, 16).AsSingle().StoreUnsafe(ref to, (nuint)i);
            Vector256.ShiftLeft(upper, 16).AsSingle().StoreUnsafe(ref to, (nuint)(i + Vector256<float>.Count));
        }

        for (; i < source.Length; i++)
        {
            target[i] = Widen(source[i]);
        }
    }

    private static Vector256<uint> RoundLanes(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> odd = Vector256.ShiftRightLogical(bits, 16) & Vector256<uint>.One;
        Vector256<uint> rounded = Vector256.ShiftRightLogical(bits + Vector256.Create(BelowHalf) + odd, 16);
        return Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), rounded, Vector256.Create((uint)NaN));
    }
}
