using System.Numerics;
using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    private const int BiasRow = 64;
    private const int BiasRowsPerBlock = 64;
    private const int BiasRowsPerPiece = 1024;

    public override void BiasForward(in Shape shape, DeviceBuffer x, DeviceBuffer bias, DeviceBuffer y)
    {
        int channels = shape.C;
        float* from = Floats(x);
        float* add = Floats(bias);
        float* to = Floats(y);
        ForRanges(shape.Positions, Math.Max(1, CopyGrain / Math.Max(1, channels)), (begin, end) =>
        {
            for (long p = begin; p < end; p++)
            {
                float* source = from + (p * channels);
                float* target = to + (p * channels);
                int c = 0;
                for (; c <= channels - Vector<float>.Count; c += Vector<float>.Count)
                {
                    (Vector.Load(source + c) + Vector.Load(add + c)).Store(target + c);
                }

                for (; c < channels; c++)
                {
                    target[c] = source[c] + add[c];
                }
            }
        });
    }

    /// <remarks>
    /// Few channels are widened to a row of several positions, so that whole vectors are added. Four rows add up in
    /// single precision, what they give in double: a bias gradient is often a small difference of large sums.
    /// </remarks>
    public override void BiasBackward(in Shape shape, DeviceBuffer dy, DeviceBuffer db)
    {
        int channels = shape.C;
        if (channels == 0)
        {
            return;
        }

        int fold = Math.Max(1, BiasRow / channels);
        int width = fold * channels;
        int stride = width + Vector<float>.Count;
        long rows = shape.Positions / fold;
        int pieces = checked((int)((rows + BiasRowsPerPiece - 1) / BiasRowsPerPiece));
        float* from = Floats(dy);
        using CpuBuffer buffer = _allocator.Allocate((long)pieces * stride * sizeof(double));
        double* partial = (double*)Bytes(buffer);
        _pool.For(pieces, piece =>
        {
            double* sum = partial + ((nint)piece * stride);
            new Span<double>(sum, stride).Clear();
            long end = Math.Min(rows, (piece + 1L) * BiasRowsPerPiece);
            for (long row = (long)piece * BiasRowsPerPiece; row < end; row += BiasRowsPerBlock)
            {
                AddRows(from + (row * width), (int)Math.Min(BiasRowsPerBlock, end - row), width, sum);
            }
        });

        float* to = Floats(db);
        for (int c = 0; c < channels; c++)
        {
            double sum = 0;
            for (int piece = 0; piece < pieces; piece++)
            {
                for (int i = c; i < width; i += channels)
                {
                    sum += partial[((nint)piece * stride) + i];
                }
            }

            for (long p = rows * fold; p < shape.Positions; p++)
            {
                sum += from[(p * channels) + c];
            }

            to[c] = (float)sum;
        }
    }

    /// <summary>Adds the column sums of a block to <paramref name="sum"/>; lanes past the width add what nobody reads.</summary>
    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRows(float* from, int rows, int width, double* sum)
    {
        for (int i = 0; i < width; i += Vector<float>.Count)
        {
            Vector<double> low = Vector.Load(sum + i);
            Vector<double> high = Vector.Load(sum + i + Vector<double>.Count);
            float* p = from + i;
            int row = 0;
            for (; row <= rows - 4; row += 4, p += 4 * (nint)width)
            {
                Vector<float> four = (Vector.Load(p) + Vector.Load(p + width)) + (Vector.Load(p + (2 * (nint)width)) + Vector.Load(p + (3 * (nint)width)));
                Vector.Widen(four, out Vector<double> fourLow, out Vector<double> fourHigh);
                low += fourLow;
                high += fourHigh;
            }

            for (; row < rows; row++, p += width)
            {
                Vector.Widen(Vector.Load(p), out Vector<double> oneLow, out Vector<double> oneHigh);
                low += oneLow;
                high += oneHigh;
            }

            low.Store(sum + i);
            high.Store(sum + i + Vector<double>.Count);
        }
    }
}
