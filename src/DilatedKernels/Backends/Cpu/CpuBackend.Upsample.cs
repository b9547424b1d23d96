using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

// Nothing of this is left to tiered compilation: in a short run the slow first version would do most of the work.
internal sealed unsafe partial class CpuBackend
{
    // Down first, then across: the row in between is as short as the input's and stays in the cache.
    public override void UpsampleForward(in UpsampleGeometry geometry, DeviceBuffer x, DeviceBuffer y)
    {
        UpsampleGeometry g = geometry;
        float* from = Floats(x);
        float* to = Floats(y);
        long inRow = (long)g.InWidth * g.Channels;
        _pool.For(checked(g.Batch * g.OutHeight), [MethodImpl(MethodImplOptions.AggressiveOptimization)] (piece) =>
        {
            int oy = piece % g.OutHeight;
            int top = g.Rows.First[oy];
            int bottom = Math.Min(top + 1, g.InHeight - 1);
            float* image = from + ((long)(piece / g.OutHeight) * g.InHeight * inRow);
            float* target = to + ((long)piece * g.OutWidth * g.Channels);
            float[] rented = ArrayPool<float>.Shared.Rent(checked((int)inRow));
            fixed (float* row = rented)
            {
                SimdMath.WeightedSum(g.Rows.Weight0[oy], image + (top * inRow), g.Rows.Weight1[oy], image + (bottom * inRow), row, inRow);
                for (int ox = 0; ox < g.OutWidth; ox++)
                {
                    int left = g.Columns.First[ox];
                    int right = Math.Min(left + 1, g.InWidth - 1);
                    SimdMath.WeightedSum(
                        g.Columns.Weight0[ox], row + ((long)left * g.Channels), g.Columns.Weight1[ox], row + ((long)right * g.Channels),
                        target + ((long)ox * g.Channels), g.Channels);
                }
            }

            ArrayPool<float>.Shared.Return(rented);
        });
    }

    public override void UpsampleBackward(in UpsampleGeometry geometry, DeviceBuffer dy, DeviceBuffer dx)
    {
        UpsampleGeometry g = geometry;
        float* from = Floats(dy);
        float* to = Floats(dx);
        long outRow = (long)g.OutWidth * g.Channels;
        _pool.For(checked(g.Batch * g.InHeight), [MethodImpl(MethodImplOptions.AggressiveOptimization)] (piece) =>
        {
            int iy = piece % g.InHeight;
            float* image = from + ((long)(piece / g.InHeight) * g.OutHeight * outRow);
            float* target = to + ((long)piece * g.InWidth * g.Channels);
            float[] rented = ArrayPool<float>.Shared.Rent(checked((int)outRow + SimdMath.Lanes));
            fixed (float* row = rented)
            {
                new Span<float>(row, (int)outRow).Clear();
                for (int oy = g.Rows.ReadersBegin(iy); oy < g.Rows.ReadersEnd(iy); oy++)
                {
                    SimdMath.AddScaled(g.Rows.Weight(oy, iy), image + (oy * outRow), row, outRow);
                }

                for (int ix = 0; ix < g.InWidth; ix++)
                {
                    CollectColumns(g.Columns, ix, row, g.Channels, target + ((long)ix * g.Channels), g.Channels);
                }
            }

            ArrayPool<float>.Shared.Return(rented);
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CollectColumns(ResampleAxis columns, int ix, float* row, int stride, float* target, int channels)
    {
        int begin = columns.ReadersBegin(ix);
        int end = columns.ReadersEnd(ix);
        for (int c = 0; c < channels; c += SimdMath.Lanes)
        {
            Vector256<float> sum = Vector256<float>.Zero;
            for (int ox = begin; ox < end; ox++)
            {
                Vector256<float> value = Vector256.Load(row + ((long)ox * stride) + c);
                sum = Vector256.FusedMultiplyAdd(Vector256.Create(columns.Weight(ox, ix)), value, sum);
            }

            SimdMath.StoreFirst(sum, target + c, channels - c);
        }
    }
}
