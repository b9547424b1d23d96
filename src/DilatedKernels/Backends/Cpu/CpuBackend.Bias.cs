using System.Numerics;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    private const int PositionsPerBiasPiece = 2048;

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

    public override void BiasBackward(in Shape shape, DeviceBuffer dy, DeviceBuffer db)
    {
        int channels = shape.C;
        long positions = shape.Positions;
        int pieces = checked((int)((positions + PositionsPerBiasPiece - 1) / PositionsPerBiasPiece));
        float* from = Floats(dy);
        float* to = Floats(db);
        using CpuBuffer buffer = _allocator.Allocate((long)pieces * channels * sizeof(double));
        double* partial = (double*)Bytes(buffer);
        _pool.For(pieces, piece =>
        {
            double* sum = partial + ((nint)piece * channels);
            new Span<double>(sum, channels).Clear();
            long end = Math.Min(positions, (piece + 1L) * PositionsPerBiasPiece);
            for (long p = (long)piece * PositionsPerBiasPiece; p < end; p++)
            {
                float* source = from + (p * channels);
                int c = 0;
                for (; c <= channels - Vector<float>.Count; c += Vector<float>.Count)
                {
                    Vector.Widen(Vector.Load(source + c), out Vector<double> low, out Vector<double> high);
                    (Vector.Load(sum + c) + low).Store(sum + c);
                    (Vector.Load(sum + c + Vector<double>.Count) + high).Store(sum + c + Vector<double>.Count);
                }

                for (; c < channels; c++)
                {
                    sum[c] += source[c];
                }
            }
        });

        for (int c = 0; c < channels; c++)
        {
            double sum = 0;
            for (int piece = 0; piece < pieces; piece++)
            {
                sum += partial[((nint)piece * channels) + c];
            }

            to[c] = (float)sum;
        }
    }
}
