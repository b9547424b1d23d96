using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>A stretch of the reduction: <see cref="Length"/> steps from a byte offset into A and from step <see cref="Step"/> of B.</summary>
internal readonly record struct TileRun(nint A, nint Step, nint Length);

/// <summary>The operands of one tile product; all steps are in bytes.</summary>
internal unsafe struct TileArguments
{
    public byte* A;
    public nint RowStep;
    public nint StepA;
    public byte* B;
    public nint StepB;
    public TileRun* Runs;
    public nint RunCount;
    public byte* C;
    public nint StepC;
}

/// <summary>
/// The one inner loop of all three convolution passes: a small matrix product whose result stays in registers,
/// <code>C[i, j] = Σ over runs r, steps l of  A[r.A + i·RowStep + l·StepA] · B[(r.Step + l)·StepB + j]</code>
/// with i over TRows broadcast values and j over TColumns vectors.
/// <code>
///                    B: 1..4 vectors
///   A: row 0  ●  ×  [ a0 | b0 | c0 | d0 ]
///      row 1  ●  ×  [ a1 | b1 | c1 | d1 ]
///       ...               ...
/// </code>
/// Each sum is one chain of fused multiply-adds in the order of the runs, so its bits depend neither on the tile's size nor on the vector's.
/// </summary>
/// <remarks>
/// The compiler keeps the accumulators in registers only while nothing is called in their lifetime and none sits in an array:
/// hence the names and the constant conditions, which vanish in each instance.
/// </remarks>
internal static unsafe class TileProduct
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TVector, TWidth, TRows, TColumns, TStore>(TileArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TStore : struct, IStore<TVector>
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default, a8 = default, a9 = default, a10 = default, a11 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default, b8 = default, b9 = default, b10 = default, b11 = default;
        TVector c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        TVector d0 = default, d1 = default, d2 = default, d3 = default, d4 = default, d5 = default;

        int vector = TWidth.Lanes * sizeof(float);
        nint row = arguments->RowStep;
        nint stepA = arguments->StepA;
        nint stepB = arguments->StepB;
        TileRun* run = arguments->Runs;
        TileRun* end = run + arguments->RunCount;
        for (; run < end; run++)
        {
            // Rows in threes: base, base + step and base + 2·step are one addressing mode.
            byte* p = arguments->A + run->A;
            byte* q = p + (3 * row);
            byte* r = q + (3 * row);
            byte* s = r + (3 * row);
            byte* w = arguments->B + (run->Step * stepB);
            for (nint left = run->Length; left > 0; left--)
            {
                TVector w0 = TWidth.Load(w);
                TVector w1 = TColumns.Value > 1 ? TWidth.Load(w + vector) : default;
                TVector w2 = TColumns.Value > 2 ? TWidth.Load(w + (2 * vector)) : default;
                TVector w3 = TColumns.Value > 3 ? TWidth.Load(w + (3 * vector)) : default;

                {
                    TVector x = TWidth.Broadcast(p);
                    a0 = TWidth.MultiplyAdd(x, w0, a0);
                    b0 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b0) : b0;
                    c0 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c0) : c0;
                    d0 = TColumns.Value > 3 ? TWidth.MultiplyAdd(x, w3, d0) : d0;
                }

                if (TRows.Value > 1)
                {
                    TVector x = TWidth.Broadcast(p + row);
                    a1 = TWidth.MultiplyAdd(x, w0, a1);
                    b1 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b1) : b1;
                    c1 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c1) : c1;
                    d1 = TColumns.Value > 3 ? TWidth.MultiplyAdd(x, w3, d1) : d1;
                }

                if (TRows.Value > 2)
                {
                    TVector x = TWidth.Broadcast(p + (2 * row));
                    a2 = TWidth.MultiplyAdd(x, w0, a2);
                    b2 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b2) : b2;
                    c2 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c2) : c2;
                    d2 = TColumns.Value > 3 ? TWidth.MultiplyAdd(x, w3, d2) : d2;
                }

                if (TRows.Value > 3)
                {
                    TVector x = TWidth.Broadcast(q);
                    a3 = TWidth.MultiplyAdd(x, w0, a3);
                    b3 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b3) : b3;
                    c3 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c3) : c3;
                    d3 = TColumns.Value > 3 ? TWidth.MultiplyAdd(x, w3, d3) : d3;
                }

                if (TRows.Value > 4)
                {
                    TVector x = TWidth.Broadcast(q + row);
                    a4 = TWidth.MultiplyAdd(x, w0, a4);
                    b4 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b4) : b4;
                    c4 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c4) : c4;
                    d4 = TColumns.Value > 3 ? TWidth.MultiplyAdd(x, w3, d4) : d4;
                }

                if (TRows.Value > 5)
                {
                    TVector x = TWidth.Broadcast(q + (2 * row));
                    a5 = TWidth.MultiplyAdd(x, w0, a5);
                    b5 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b5) : b5;
                    c5 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c5) : c5;
                    d5 = TColumns.Value > 3 ? TWidth.MultiplyAdd(x, w3, d5) : d5;
                }

                if (TRows.Value > 6)
                {
                    TVector x = TWidth.Broadcast(r);
                    a6 = TWidth.MultiplyAdd(x, w0, a6);
                    b6 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b6) : b6;
                    c6 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c6) : c6;
                }

                if (TRows.Value > 7)
                {
                    TVector x = TWidth.Broadcast(r + row);
                    a7 = TWidth.MultiplyAdd(x, w0, a7);
                    b7 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b7) : b7;
                    c7 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c7) : c7;
                }

                if (TRows.Value > 8)
                {
                    TVector x = TWidth.Broadcast(r + (2 * row));
                    a8 = TWidth.MultiplyAdd(x, w0, a8);
                    b8 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b8) : b8;
                }

                if (TRows.Value > 9)
                {
                    TVector x = TWidth.Broadcast(s);
                    a9 = TWidth.MultiplyAdd(x, w0, a9);
                    b9 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b9) : b9;
                }

                if (TRows.Value > 10)
                {
                    TVector x = TWidth.Broadcast(s + row);
                    a10 = TWidth.MultiplyAdd(x, w0, a10);
                    b10 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b10) : b10;
                }

                if (TRows.Value > 11)
                {
                    TVector x = TWidth.Broadcast(s + (2 * row));
                    a11 = TWidth.MultiplyAdd(x, w0, a11);
                    b11 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b11) : b11;
                }

                p += stepA;
                q += stepA;
                r += stepA;
                s += stepA;
                w += stepB;
            }
        }

        byte* t = arguments->C;
        nint stepC = arguments->StepC;

        {
            TStore.Store(a0, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b0, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c0, t + (2 * vector));
            }

            if (TColumns.Value > 3)
            {
                TStore.Store(d0, t + (3 * vector));
            }
        }

        if (TRows.Value > 1)
        {
            t += stepC;
            TStore.Store(a1, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b1, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c1, t + (2 * vector));
            }

            if (TColumns.Value > 3)
            {
                TStore.Store(d1, t + (3 * vector));
            }
        }

        if (TRows.Value > 2)
        {
            t += stepC;
            TStore.Store(a2, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b2, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c2, t + (2 * vector));
            }

            if (TColumns.Value > 3)
            {
                TStore.Store(d2, t + (3 * vector));
            }
        }

        if (TRows.Value > 3)
        {
            t += stepC;
            TStore.Store(a3, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b3, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c3, t + (2 * vector));
            }

            if (TColumns.Value > 3)
            {
                TStore.Store(d3, t + (3 * vector));
            }
        }

        if (TRows.Value > 4)
        {
            t += stepC;
            TStore.Store(a4, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b4, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c4, t + (2 * vector));
            }

            if (TColumns.Value > 3)
            {
                TStore.Store(d4, t + (3 * vector));
            }
        }

        if (TRows.Value > 5)
        {
            t += stepC;
            TStore.Store(a5, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b5, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c5, t + (2 * vector));
            }

            if (TColumns.Value > 3)
            {
                TStore.Store(d5, t + (3 * vector));
            }
        }

        if (TRows.Value > 6)
        {
            t += stepC;
            TStore.Store(a6, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b6, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c6, t + (2 * vector));
            }
        }

        if (TRows.Value > 7)
        {
            t += stepC;
            TStore.Store(a7, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b7, t + vector);
            }

            if (TColumns.Value > 2)
            {
                TStore.Store(c7, t + (2 * vector));
            }
        }

        if (TRows.Value > 8)
        {
            t += stepC;
            TStore.Store(a8, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b8, t + vector);
            }
        }

        if (TRows.Value > 9)
        {
            t += stepC;
            TStore.Store(a9, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b9, t + vector);
            }
        }

        if (TRows.Value > 10)
        {
            t += stepC;
            TStore.Store(a10, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b10, t + vector);
            }
        }

        if (TRows.Value > 11)
        {
            t += stepC;
            TStore.Store(a11, t);
            if (TColumns.Value > 1)
            {
                TStore.Store(b11, t + vector);
            }
        }
    }
}
