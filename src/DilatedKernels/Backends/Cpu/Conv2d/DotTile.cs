using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>The operands of one tile of dot products; all steps are in bytes.</summary>
internal unsafe struct DotArguments
{
    public byte* X;
    public nint StepX;
    public byte* W;
    public nint StepW;

    /// <summary>Terms of a sum, in pairs of <see cref="DotTile.Lanes"/>.</summary>
    public nint Pairs;

    /// <summary>The sums, <c>[output][row]</c>.</summary>
    public byte* Sums;
    public nint SumStep;

    /// <summary>Room for <see cref="DotTile.HalfSums"/> numbers, the first halves of the sums where vectors have four lanes.</summary>
    public float* Halves;

    /// <summary>Where to ask for memory that is needed soon, as much as a row of X.</summary>
    public byte* Ahead;

    /// <summary>As much of one more row, for <see cref="PairedDotTile"/>, whose tiles are fewer.</summary>
    public byte* AheadToo;
}

/// <summary>
/// Rows of one matrix times rows of another, the vectors along the terms that are summed:
/// <code>sums[j, i] = Σ over lanes l of  Σ over groups g of  X[i, 8·g + l] · W[j, 8·g + l]</code>
/// with i over TRows rows (1 or 4) and j over 1 to 3 outputs. Eight lanes on every processor, each one chain of fused multiply-adds, then a fixed tree over the lanes,
/// <c>((0+4) + (2+6)) + ((1+5) + (3+7))</c>: the bits depend neither on the tile's size nor on the vectors'. Vectors of four lanes go over the terms twice.
/// </summary>
/// <remarks>Named accumulators for the same reason as in <see cref="TileProduct"/>.</remarks>
internal static unsafe class DotTile
{
    public const int Lanes = 8;
    public const int Rows = 4;
    public const int MaxOutputs = 3;
    public const int HalfSums = Rows * MaxOutputs * Lanes / 2;

    private const int GroupBytes = Lanes * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TVector, TWidth, TRows, TOutputs>(DotArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
        where TRows : struct, ICount
        where TOutputs : struct, ICount
    {
        nint row = arguments->StepX;
        nint output = arguments->StepW;
        for (int part = 0; part < GroupBytes; part += TWidth.Lanes * sizeof(float))
        {
            TVector a0 = default, a1 = default, a2 = default, a3 = default;
            TVector b0 = default, b1 = default, b2 = default, b3 = default;
            TVector c0 = default, c1 = default, c2 = default, c3 = default;
            byte* x = arguments->X + part;
            byte* z = x + (3 * row);
            byte* w = arguments->W + part;
            byte* ahead = arguments->Ahead;
            for (nint left = arguments->Pairs; left > 0; left--)
            {
                {
                    TVector w0 = TWidth.Load(w);
                    TVector w1 = TOutputs.Value > 1 ? TWidth.Load(w + output) : default;
                    TVector w2 = TOutputs.Value > 2 ? TWidth.Load(w + (2 * output)) : default;
                    TVector v0 = TWidth.Load(x);
                    a0 = TWidth.MultiplyAdd(v0, w0, a0);
                    b0 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v0, w1, b0) : b0;
                    c0 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v0, w2, c0) : c0;
                    if (TRows.Value > 1)
                    {
                        TVector v1 = TWidth.Load(x + row);
                        a1 = TWidth.MultiplyAdd(v1, w0, a1);
                        b1 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v1, w1, b1) : b1;
                        c1 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v1, w2, c1) : c1;
                        TVector v2 = TWidth.Load(x + (2 * row));
                        a2 = TWidth.MultiplyAdd(v2, w0, a2);
                        b2 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v2, w1, b2) : b2;
                        c2 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v2, w2, c2) : c2;
                        TVector v3 = TWidth.Load(z);
                        a3 = TWidth.MultiplyAdd(v3, w0, a3);
                        b3 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v3, w1, b3) : b3;
                        c3 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v3, w2, c3) : c3;
                    }
                }

                if (Sse.IsSupported)
                {
                    Sse.Prefetch1(ahead);
                    ahead += 2 * GroupBytes;
                }

                {
                    TVector w0 = TWidth.Load(w + GroupBytes);
                    TVector w1 = TOutputs.Value > 1 ? TWidth.Load(w + output + GroupBytes) : default;
                    TVector w2 = TOutputs.Value > 2 ? TWidth.Load(w + (2 * output) + GroupBytes) : default;
                    TVector v0 = TWidth.Load(x + GroupBytes);
                    a0 = TWidth.MultiplyAdd(v0, w0, a0);
                    b0 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v0, w1, b0) : b0;
                    c0 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v0, w2, c0) : c0;
                    if (TRows.Value > 1)
                    {
                        TVector v1 = TWidth.Load(x + row + GroupBytes);
                        a1 = TWidth.MultiplyAdd(v1, w0, a1);
                        b1 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v1, w1, b1) : b1;
                        c1 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v1, w2, c1) : c1;
                        TVector v2 = TWidth.Load(x + (2 * row) + GroupBytes);
                        a2 = TWidth.MultiplyAdd(v2, w0, a2);
                        b2 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v2, w1, b2) : b2;
                        c2 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v2, w2, c2) : c2;
                        TVector v3 = TWidth.Load(z + GroupBytes);
                        a3 = TWidth.MultiplyAdd(v3, w0, a3);
                        b3 = TOutputs.Value > 1 ? TWidth.MultiplyAdd(v3, w1, b3) : b3;
                        c3 = TOutputs.Value > 2 ? TWidth.MultiplyAdd(v3, w2, c3) : c3;
                    }
                }

                x += 2 * GroupBytes;
                z += 2 * GroupBytes;
                w += 2 * GroupBytes;
            }

            float* halves = arguments->Halves;
            bool isFirstHalf = TWidth.Lanes < Lanes && part == 0;
            AddLanes<TVector, TWidth, TRows>(a0, a1, a2, a3, isFirstHalf, halves, arguments->Sums);
            if (TOutputs.Value > 1)
            {
                AddLanes<TVector, TWidth, TRows>(b0, b1, b2, b3, isFirstHalf, halves + (4 * Rows), arguments->Sums + arguments->SumStep);
            }

            if (TOutputs.Value > 2)
            {
                AddLanes<TVector, TWidth, TRows>(c0, c1, c2, c3, isFirstHalf, halves + (8 * Rows), arguments->Sums + (2 * arguments->SumStep));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddLanes<TVector, TWidth, TRows>(TVector v0, TVector v1, TVector v2, TVector v3, bool isFirstHalf, float* halves, byte* sums)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
        where TRows : struct, ICount
    {
        Vector128<float> s0 = TWidth.Fold(v0), s1 = TWidth.Fold(v1), s2 = TWidth.Fold(v2), s3 = TWidth.Fold(v3);
        if (isFirstHalf)
        {
            s0.Store(halves);
            s1.Store(halves + 4);
            s2.Store(halves + 8);
            s3.Store(halves + 12);
            return;
        }

        if (TWidth.Lanes < Lanes)
        {
            s0 = Vector128.Load(halves) + s0;
            s1 = Vector128.Load(halves + 4) + s1;
            s2 = Vector128.Load(halves + 8) + s2;
            s3 = Vector128.Load(halves + 12) + s3;
        }

        float* target = (float*)sums;
        if (TRows.Value > 1 && Sse.IsSupported)
        {
            Vector128<float> s01 = Sse.UnpackLow(s0, s1) + Sse.UnpackHigh(s0, s1);
            Vector128<float> s23 = Sse.UnpackLow(s2, s3) + Sse.UnpackHigh(s2, s3);
            (Sse.MoveLowToHigh(s01, s23) + Sse.MoveHighToLow(s23, s01)).Store(target);
            return;
        }

        target[0] = AddLanes(s0);
        if (TRows.Value > 1)
        {
            target[1] = AddLanes(s1);
            target[2] = AddLanes(s2);
            target[3] = AddLanes(s3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float AddLanes(Vector128<float> sum) => (sum.GetElement(0) + sum.GetElement(2)) + (sum.GetElement(1) + sum.GetElement(3));
}
