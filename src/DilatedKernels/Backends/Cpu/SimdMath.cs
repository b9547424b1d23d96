using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// Building blocks on eight float32 lanes. Every one but <see cref="Max"/> of what is no number computes the same bits on every processor: a multiply-add is always
/// fused and sums of lanes have a written-down order.
/// </summary>
internal static unsafe class SimdMath
{
    public const int Lanes = 8;

    private const float Log2E = 1.44269504f;

    // ln 2 in two parts; the first has few enough bits that n · Ln2High is exact for |n| ≤ 2⁹.
    private const float Ln2High = 0.693145752f;
    private const float Ln2Low = 1.42860677e-6f;

    // Adding 1.5 · 2²³ rounds to an integer and leaves that integer in the low bits.
    private const float RoundToInteger = 12582912f;

    // Below this e^x is under the smallest normal number; above −ExpUnderflow it would pass the largest.
    private const float ExpUnderflow = -87.33654f;

    /// <summary>The lanes 0 … <paramref name="count"/> − 1 are all ones, the others zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> FirstLanes(int count) =>
        Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle();

    /// <summary>
    /// <c>e^x</c> for x ≤ 88, relative error below 1.2e-7. Results under 2⁻¹²⁶ become 0; NaN stays NaN.
    /// <c>x = n·ln 2 + r</c> with |r| ≤ ln 2 / 2, and a minimax polynomial of degree 6 (error 3.1e-9) for <c>e^r</c>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        Vector256<float> shifted = Vector256.FusedMultiplyAdd(x, Vector256.Create(Log2E), Vector256.Create(RoundToInteger));
        Vector256<float> n = shifted - Vector256.Create(RoundToInteger);
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2High), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-Ln2Low), r);
        Vector256<float> p = Vector256.FusedMultiplyAdd(Vector256.Create(0.00138145359f), r, Vector256.Create(0.00836874545f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(0.0416683890f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(0.166665211f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(0.499999940f));
        p = Vector256.FusedMultiplyAdd(p, r * r, r) + Vector256<float>.One;
        Vector256<int> exponent = Vector256.ShiftLeft(shifted.AsInt32(), 23);
        Vector256<float> result = (p.AsInt32() + exponent).AsSingle();
        result = Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256.Create(ExpUnderflow)), Vector256<float>.Zero, result);
        return Vector256.ConditionalSelect(Vector256.Equals(x, x), result, x);
    }

    /// <summary>The sum of the lanes: ((0+4)+(2+6)) + ((1+5)+(3+7)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> v)
    {
        Vector128<float> four = v.GetLower() + v.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two[0] + two[1];
    }

    /// <summary>The largest lane; where one is no number, that or any other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(Vector256<float> v)
    {
        Vector128<float> four = Vector128.MaxNative(v.GetLower(), v.GetUpper());
        Vector128<float> two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2)))[0];
    }

    /// <summary>Stores the first <paramref name="count"/> lanes, 0 to 8, and touches nothing after them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector256<float> v, float* target, int count)
    {
        if (count >= Lanes)
        {
            v.Store(target);
            return;
        }

        Vector128<float> rest = v.GetLower();
        if ((count & 4) != 0)
        {
            rest.Store(target);
            rest = v.GetUpper();
            target += 4;
        }

        for (int i = 0; i < (count & 3); i++)
        {
            target[i] = rest[i];
        }
    }

    /// <summary><c>y = a·x + b·z</c>; y does not overlap x or z.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WeightedSum(float a, float* x, float b, float* z, float* y, long count)
    {
        Vector256<float> va = Vector256.Create(a);
        Vector256<float> vb = Vector256.Create(b);
        long i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector256.FusedMultiplyAdd(va, Vector256.Load(x + i), vb * Vector256.Load(z + i)).Store(y + i);
        }

        if (i < count && count >= Lanes)
        {
            i = count - Lanes;
            Vector256.FusedMultiplyAdd(va, Vector256.Load(x + i), vb * Vector256.Load(z + i)).Store(y + i);
            return;
        }

        for (; i < count; i++)
        {
            y[i] = MathF.FusedMultiplyAdd(a, x[i], b * z[i]);
        }
    }

    /// <summary><c>y = y + a·x</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled(float a, float* x, float* y, long count)
    {
        Vector256<float> va = Vector256.Create(a);
        long i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            Vector256.FusedMultiplyAdd(va, Vector256.Load(x + i), Vector256.Load(y + i)).Store(y + i);
        }

        for (; i < count; i++)
        {
            y[i] = MathF.FusedMultiplyAdd(a, x[i], y[i]);
        }
    }
}
