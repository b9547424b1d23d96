using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Backends.Cpu;

/// <summary>The terms <c>e^(x − max)</c> of a position whose channels take up to four vectors: they stay in registers between the scores and the result.</summary>
internal unsafe struct SoftmaxTerms
{
    private Vector256<float> _first;
    private Vector256<float> _second;
    private Vector256<float> _third;
    private Vector256<float> _fourth;

    /// <summary>The largest score; where one is no number, that or any other.</summary>
    public float Max;

    /// <summary>The sum of the terms, in the lanes' order; NaN where a score is no number.</summary>
    public float Sum;

    /// <summary>The terms of a position.</summary>
    /// <typeparam name="TVectors">How many vectors the channels take; the last may reach beyond them.</typeparam>
    /// <param name="scores">The scores, with a vector more to be read.</param>
    /// <param name="inside">The lanes of the last vector that are channels.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SoftmaxTerms Of<TVectors>(float* scores, Vector256<float> inside)
        where TVectors : struct, ICount
    {
        // The term of −∞ is 0. That of NaN is NaN, and so is the sum, whatever the maximum.
        Vector256<float> last = Vector256.ConditionalSelect(inside, Vector256.Load(scores + ((TVectors.Value - 1) * SimdMath.Lanes)), Vector256.Create(float.NegativeInfinity));
        Vector256<float> first = TVectors.Value > 1 ? Vector256.Load(scores) : last;
        Vector256<float> second = TVectors.Value > 2 ? Vector256.Load(scores + SimdMath.Lanes) : last;
        Vector256<float> third = TVectors.Value > 3 ? Vector256.Load(scores + (2 * SimdMath.Lanes)) : last;
        Vector256<float> largest = last;
        if (TVectors.Value > 1)
        {
            largest = Vector256.MaxNative(largest, first);
        }

        if (TVectors.Value > 2)
        {
            largest = Vector256.MaxNative(largest, second);
        }

        if (TVectors.Value > 3)
        {
            largest = Vector256.MaxNative(largest, third);
        }

        SoftmaxTerms terms;
        terms.Max = SimdMath.Max(largest);
        Vector256<float> shift = Vector256.Create(terms.Max);
        terms._first = SimdMath.Exp(first - shift);
        terms._second = TVectors.Value > 1 ? SimdMath.Exp((TVectors.Value > 2 ? second : last) - shift) : terms._first;
        terms._third = TVectors.Value > 2 ? SimdMath.Exp((TVectors.Value > 3 ? third : last) - shift) : terms._first;
        terms._fourth = TVectors.Value > 3 ? SimdMath.Exp(last - shift) : terms._first;
        Vector256<float> sum = terms._first;
        if (TVectors.Value > 1)
        {
            sum += terms._second;
        }

        if (TVectors.Value > 2)
        {
            sum += terms._third;
        }

        if (TVectors.Value > 3)
        {
            sum += terms._fourth;
        }

        terms.Sum = SimdMath.Sum(sum);
        return terms;
    }

    /// <summary>Stores <c>factor · term</c>, less by an amount at one class.</summary>
    /// <param name="factor">The factor.</param>
    /// <param name="at">The class; −1 for none.</param>
    /// <param name="less">By how much.</param>
    /// <param name="target">Where to.</param>
    /// <param name="channels">The number of channels.</param>
    /// <param name="mayPass">Whether what follows in memory is yet to be written.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store<TVectors>(float factor, int at, float less, float* target, int channels, bool mayPass)
        where TVectors : struct, ICount
    {
        Vector256<float> factors = Vector256.Create(factor);
        Vector256<float> amount = Vector256.Create(less);
        Vector256<int> distance = Vector256<int>.Indices - Vector256.Create(at);
        int whole = TVectors.Value - (mayPass ? 0 : 1);
        Vector256<float> last = Scaled(_first, factors, distance, 0, amount);
        if (whole > 0)
        {
            last.Store(target);
        }

        if (TVectors.Value > 1)
        {
            last = Scaled(_second, factors, distance, 1, amount);
            if (whole > 1)
            {
                last.Store(target + SimdMath.Lanes);
            }
        }

        if (TVectors.Value > 2)
        {
            last = Scaled(_third, factors, distance, 2, amount);
            if (whole > 2)
            {
                last.Store(target + (2 * SimdMath.Lanes));
            }
        }

        if (TVectors.Value > 3)
        {
            last = Scaled(_fourth, factors, distance, 3, amount);
            if (whole > 3)
            {
                last.Store(target + (3 * SimdMath.Lanes));
            }
        }

        if (!mayPass)
        {
            SimdMath.StoreFirst(last, target + (whole * SimdMath.Lanes), channels - (whole * SimdMath.Lanes));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Scaled(Vector256<float> term, Vector256<float> factor, Vector256<int> distance, int vector, Vector256<float> amount) =>
        (term * factor) - (Vector256.Equals(distance, Vector256.Create(-vector * SimdMath.Lanes)).AsSingle() & amount);
}
