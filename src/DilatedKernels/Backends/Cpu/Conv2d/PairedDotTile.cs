using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// <see cref="DotTile"/> for vectors of sixteen lanes, with the same bits: one output's eight chains of sums in the lower half of a vector, the next
/// one's in the upper. The weights are interleaved for it (<see cref="Pack"/>); the eight terms of a row are read into both halves.
/// </summary>
internal static unsafe class PairedDotTile
{
    private const int GroupBytes = DotTile.Lanes * sizeof(float);

    /// <summary>Floats that <see cref="Pack"/> writes.</summary>
    public static long PackedCount(int outputs, int terms) => 2L * Split.Parts(outputs, 2) * terms;

    /// <summary>Interleaves two rows of weights: eight terms of the first, the same eight of the second; zeros where there is no second.</summary>
    public static void Pack(float* weight, int outputs, int terms, int pair, float* packed)
    {
        float* first = weight + (2 * pair * (nint)terms);
        float* target = packed + (2 * pair * (nint)terms);
        bool hasSecond = (2 * pair) + 1 < outputs;
        for (nint i = 0; i < terms; i += DotTile.Lanes)
        {
            Vector256.Load(first + i).Store(target + (2 * i));
            (hasSecond ? Vector256.Load(first + terms + i) : Vector256<float>.Zero).Store(target + (2 * i) + DotTile.Lanes);
        }
    }

    /// <summary>One tile: 1 or 4 rows and 1 to 3 pairs of outputs. <see cref="DotArguments.W"/> and its step are of packed pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TRows, TPairs>(DotArguments* arguments)
        where TRows : struct, ICount
        where TPairs : struct, ICount
    {
        nint row = arguments->StepX;
        nint pair = arguments->StepW;
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
        Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default;
        byte* x = arguments->X;
        byte* z = x + (3 * row);
        byte* w = arguments->W;
        byte* ahead = arguments->Ahead;
        nint further = (nint)(arguments->AheadToo - ahead);
        for (nint left = arguments->Pairs; left > 0; left--)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(ahead);
                Sse.Prefetch1(ahead + further);
                ahead += 2 * GroupBytes;
            }

            for (int group = 0; group < 2; group++)
            {
                Vector512<float> w0 = Vector512.Load((float*)w);
                Vector512<float> w1 = TPairs.Value > 1 ? Vector512.Load((float*)(w + pair)) : default;
                Vector512<float> w2 = TPairs.Value > 2 ? Vector512.Load((float*)(w + (2 * pair))) : default;
                Vector512<float> v0 = Twice(x);
                a0 = Vector512.FusedMultiplyAdd(v0, w0, a0);
                b0 = TPairs.Value > 1 ? Vector512.FusedMultiplyAdd(v0, w1, b0) : b0;
                c0 = TPairs.Value > 2 ? Vector512.FusedMultiplyAdd(v0, w2, c0) : c0;
                if (TRows.Value > 1)
                {
                    Vector512<float> v1 = Twice(x + row);
                    a1 = Vector512.FusedMultiplyAdd(v1, w0, a1);
                    b1 = TPairs.Value > 1 ? Vector512.FusedMultiplyAdd(v1, w1, b1) : b1;
                    c1 = TPairs.Value > 2 ? Vector512.FusedMultiplyAdd(v1, w2, c1) : c1;
                    Vector512<float> v2 = Twice(x + (2 * row));
                    a2 = Vector512.FusedMultiplyAdd(v2, w0, a2);
                    b2 = TPairs.Value > 1 ? Vector512.FusedMultiplyAdd(v2, w1, b2) : b2;
                    c2 = TPairs.Value > 2 ? Vector512.FusedMultiplyAdd(v2, w2, c2) : c2;
                    Vector512<float> v3 = Twice(z);
                    a3 = Vector512.FusedMultiplyAdd(v3, w0, a3);
                    b3 = TPairs.Value > 1 ? Vector512.FusedMultiplyAdd(v3, w1, b3) : b3;
                    c3 = TPairs.Value > 2 ? Vector512.FusedMultiplyAdd(v3, w2, c3) : c3;
                }

                x += GroupBytes;
                z += GroupBytes;
                w += 2 * GroupBytes;
            }
        }

        nint step = arguments->SumStep;
        Store<TRows>(a0, a1, a2, a3, arguments->Sums, step);
        if (TPairs.Value > 1)
        {
            Store<TRows>(b0, b1, b2, b3, arguments->Sums + (2 * step), step);
        }

        if (TPairs.Value > 2)
        {
            Store<TRows>(c0, c1, c2, c3, arguments->Sums + (4 * step), step);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Twice(byte* source) => Avx512DQ.IsSupported
        ? Avx512DQ.BroadcastVector256ToVector512((float*)source)
        : Vector512.Create(Vector256.Load((float*)source), Vector256.Load((float*)source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TRows>(Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3, byte* sums, nint step)
        where TRows : struct, ICount
    {
        DotTile.AddLanes<Vector256<float>, Width256, TRows>(v0.GetLower(), v1.GetLower(), v2.GetLower(), v3.GetLower(), false, null, sums);
        DotTile.AddLanes<Vector256<float>, Width256, TRows>(v0.GetUpper(), v1.GetUpper(), v2.GetUpper(), v3.GetUpper(), false, null, sums + step);
    }
}
