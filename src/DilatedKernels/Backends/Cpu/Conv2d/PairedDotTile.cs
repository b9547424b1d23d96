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
    /// <summary>Pairs of outputs of the largest tile.</summary>
    public const int MaxPairs = 6;

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

    /// <summary>One tile: 1 or 4 rows and 1 to <see cref="MaxPairs"/> pairs of outputs. <see cref="DotArguments.W"/> and its step are of packed pairs.</summary>
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
        Vector512<float> d0 = default, d1 = default, d2 = default, d3 = default;
        Vector512<float> e0 = default, e1 = default, e2 = default, e3 = default;
        Vector512<float> f0 = default, f1 = default, f2 = default, f3 = default;
        byte* x = arguments->X;
        byte* z = x + (3 * row);
        byte* w = arguments->W;
        byte* v = w + (3 * pair);
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
                Vector512<float> x0 = Twice(x);
                Vector512<float> x1 = TRows.Value > 1 ? Twice(x + row) : default;
                Vector512<float> x2 = TRows.Value > 1 ? Twice(x + (2 * row)) : default;
                Vector512<float> x3 = TRows.Value > 1 ? Twice(z) : default;
                {
                    Vector512<float> y = Vector512.Load((float*)w);
                    a0 = Vector512.FusedMultiplyAdd(x0, y, a0);
                    a1 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x1, y, a1) : a1;
                    a2 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x2, y, a2) : a2;
                    a3 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x3, y, a3) : a3;
                }

                if (TPairs.Value > 1)
                {
                    Vector512<float> y = Vector512.Load((float*)(w + pair));
                    b0 = Vector512.FusedMultiplyAdd(x0, y, b0);
                    b1 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x1, y, b1) : b1;
                    b2 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x2, y, b2) : b2;
                    b3 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x3, y, b3) : b3;
                }

                if (TPairs.Value > 2)
                {
                    Vector512<float> y = Vector512.Load((float*)(w + (2 * pair)));
                    c0 = Vector512.FusedMultiplyAdd(x0, y, c0);
                    c1 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x1, y, c1) : c1;
                    c2 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x2, y, c2) : c2;
                    c3 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x3, y, c3) : c3;
                }

                if (TPairs.Value > 3)
                {
                    Vector512<float> y = Vector512.Load((float*)(v));
                    d0 = Vector512.FusedMultiplyAdd(x0, y, d0);
                    d1 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x1, y, d1) : d1;
                    d2 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x2, y, d2) : d2;
                    d3 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x3, y, d3) : d3;
                }

                if (TPairs.Value > 4)
                {
                    Vector512<float> y = Vector512.Load((float*)(v + pair));
                    e0 = Vector512.FusedMultiplyAdd(x0, y, e0);
                    e1 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x1, y, e1) : e1;
                    e2 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x2, y, e2) : e2;
                    e3 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x3, y, e3) : e3;
                }

                if (TPairs.Value > 5)
                {
                    Vector512<float> y = Vector512.Load((float*)(v + (2 * pair)));
                    f0 = Vector512.FusedMultiplyAdd(x0, y, f0);
                    f1 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x1, y, f1) : f1;
                    f2 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x2, y, f2) : f2;
                    f3 = TRows.Value > 1 ? Vector512.FusedMultiplyAdd(x3, y, f3) : f3;
                }

                x += GroupBytes;
                z += GroupBytes;
                w += 2 * GroupBytes;
                v += 2 * GroupBytes;
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

        if (TPairs.Value > 3)
        {
            Store<TRows>(d0, d1, d2, d3, arguments->Sums + (6 * step), step);
        }

        if (TPairs.Value > 4)
        {
            Store<TRows>(e0, e1, e2, e3, arguments->Sums + (8 * step), step);
        }

        if (TPairs.Value > 5)
        {
            Store<TRows>(f0, f1, f2, f3, arguments->Sums + (10 * step), step);
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
