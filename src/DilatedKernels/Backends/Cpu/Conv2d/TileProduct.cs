using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>A stretch of the reduction: <see cref="Length"/> steps from a byte offset into A and from step <see cref="Step"/> of B.</summary>
internal readonly record struct TileRun(nint A, nint Step, nint Length);

/// <summary>The operands of one tile product; all steps are in bytes.</summary>
internal unsafe struct TileArguments
{
    public byte* A;

    /// <summary>From a row of A to the next; where A is transposed, from a step of the sum to the next. The others are neighbours.</summary>
    public nint StepA;
    public byte* B;

    /// <summary>From a step of B to the next; where A is not transposed, as many bytes as a tile has columns.</summary>
    public nint StepB;
    public TileRun* Runs;
    public nint RunCount;
    public byte* C;
    public nint StepC;
}

/// <summary>
/// The one inner loop of all three convolution passes: a small matrix product whose result stays in registers,
/// <code>C[i, j] = Σ over runs r, steps l of  A[r.A + i·StepA + 4·l] · B[(r.Step + l)·StepB + j]</code>
/// with i over TRows broadcast values and j over TColumns vectors; where A is transposed, <c>A[r.A + 4·i + l·StepA]</c>.
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
    public static void Run<TVector, TWidth, TRows, TColumns, TLayout, TStore>(TileArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TLayout : struct, ITileLayout
        where TStore : struct, IStore<TVector>
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default, a8 = default, a9 = default, a10 = default, a11 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default, b8 = default, b9 = default, b10 = default, b11 = default;
        TVector c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        TVector d0 = default, d1 = default, d2 = default, d3 = default, d4 = default, d5 = default;

        int vector = TWidth.Lanes * sizeof(float);
        nint row = TLayout.IsTransposed ? sizeof(float) : arguments->StepA;
        nint stepA = TLayout.IsTransposed ? arguments->StepA : sizeof(float);
        nint stepB = TLayout.IsTransposed ? arguments->StepB : TColumns.Value * vector;
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
            nint left = run->Length;
            for (; IsInTwos(TRows.Value, TColumns.Value) && left >= 2; left -= 2)
            {
                Step<TVector, TWidth, TRows, TColumns>(
                    p, q, r, s, row, 0, w, 0, ref a0, ref a1, ref a2, ref a3, ref a4, ref a5, ref a6, ref a7, ref a8, ref a9, ref a10, ref a11, ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref c0, ref c1, ref c2, ref c3);
                Step<TVector, TWidth, TRows, TColumns>(
                    p, q, r, s, row, stepA, w, stepB, ref a0, ref a1, ref a2, ref a3, ref a4, ref a5, ref a6, ref a7, ref a8, ref a9, ref a10, ref a11, ref b0, ref b1, ref b2, ref b3, ref b4, ref b5, ref c0, ref c1, ref c2, ref c3);
                p += 2 * stepA;
                q += TRows.Value > 3 ? 2 * stepA : 0;
                r += TRows.Value > 6 ? 2 * stepA : 0;
                s += TRows.Value > 9 ? 2 * stepA : 0;
                w += 2 * stepB;
            }

            for (; left > 0; left--)
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

    /// <summary>
    /// Whether a tile takes two steps of a sum at a time: those for 16 registers. In small tiles addresses and counters weigh more, and half of them are a
    /// fortieth of the time, or a tenth where another hardware thread shares the core.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsInTwos(int rows, int columns) => columns <= 3 && rows * columns <= 12;

    /// <summary>One step of such a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TVector, TWidth, TRows, TColumns>(
        byte* p, byte* q, byte* r, byte* s, nint row, nint offset, byte* w, nint offsetB, ref TVector a0, ref TVector a1, ref TVector a2, ref TVector a3, ref TVector a4, ref TVector a5, ref TVector a6, ref TVector a7, ref TVector a8, ref TVector a9, ref TVector a10, ref TVector a11, ref TVector b0, ref TVector b1, ref TVector b2, ref TVector b3, ref TVector b4, ref TVector b5, ref TVector c0, ref TVector c1, ref TVector c2, ref TVector c3)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
        where TRows : struct, ICount
        where TColumns : struct, ICount
    {
        int vector = TWidth.Lanes * sizeof(float);
        TVector w0 = TWidth.Load(w + offsetB);
        TVector w1 = TColumns.Value > 1 ? TWidth.Load(w + offsetB + vector) : default;
        TVector w2 = TColumns.Value > 2 ? TWidth.Load(w + offsetB + (2 * vector)) : default;

        {
            TVector x = TWidth.Broadcast(p + offset);
            a0 = TWidth.MultiplyAdd(x, w0, a0);
            b0 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b0) : b0;
            c0 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c0) : c0;
        }

        if (TRows.Value > 1)
        {
            TVector x = TWidth.Broadcast(p + offset + row);
            a1 = TWidth.MultiplyAdd(x, w0, a1);
            b1 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b1) : b1;
            c1 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c1) : c1;
        }

        if (TRows.Value > 2)
        {
            TVector x = TWidth.Broadcast(p + offset + (2 * row));
            a2 = TWidth.MultiplyAdd(x, w0, a2);
            b2 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b2) : b2;
            c2 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c2) : c2;
        }

        if (TRows.Value > 3)
        {
            TVector x = TWidth.Broadcast(q + offset);
            a3 = TWidth.MultiplyAdd(x, w0, a3);
            b3 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b3) : b3;
            c3 = TColumns.Value > 2 ? TWidth.MultiplyAdd(x, w2, c3) : c3;
        }

        if (TRows.Value > 4)
        {
            TVector x = TWidth.Broadcast(q + offset + row);
            a4 = TWidth.MultiplyAdd(x, w0, a4);
            b4 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b4) : b4;
        }

        if (TRows.Value > 5)
        {
            TVector x = TWidth.Broadcast(q + offset + (2 * row));
            a5 = TWidth.MultiplyAdd(x, w0, a5);
            b5 = TColumns.Value > 1 ? TWidth.MultiplyAdd(x, w1, b5) : b5;
        }

        if (TRows.Value > 6)
        {
            TVector x = TWidth.Broadcast(r + offset);
            a6 = TWidth.MultiplyAdd(x, w0, a6);
        }

        if (TRows.Value > 7)
        {
            TVector x = TWidth.Broadcast(r + offset + row);
            a7 = TWidth.MultiplyAdd(x, w0, a7);
        }

        if (TRows.Value > 8)
        {
            TVector x = TWidth.Broadcast(r + offset + (2 * row));
            a8 = TWidth.MultiplyAdd(x, w0, a8);
        }

        if (TRows.Value > 9)
        {
            TVector x = TWidth.Broadcast(s + offset);
            a9 = TWidth.MultiplyAdd(x, w0, a9);
        }

        if (TRows.Value > 10)
        {
            TVector x = TWidth.Broadcast(s + offset + row);
            a10 = TWidth.MultiplyAdd(x, w0, a10);
        }

        if (TRows.Value > 11)
        {
            TVector x = TWidth.Broadcast(s + offset + (2 * row));
            a11 = TWidth.MultiplyAdd(x, w0, a11);
        }
    }
}
