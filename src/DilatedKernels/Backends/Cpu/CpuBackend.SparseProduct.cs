using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void SparseProduct(
        in SparseGeometry geometry, DeviceBuffer firstOf, DeviceBuffer entries, DeviceBuffer x, DeviceBuffer? addend, float scale, DeviceBuffer y)
    {
        SparseGeometry g = geometry;
        int* first = (int*)Bytes(firstOf);
        SparseEntry* all = (SparseEntry*)Bytes(entries);
        float* from = Floats(x);
        float* add = addend is null ? null : Floats(addend);
        float* to = Floats(y);
        ForRanges((long)g.Batch * g.Rows, Math.Max(1, CopyGrain / Math.Max(1, g.Channels)), (begin, end) =>
        {
            for (long row = begin; row < end; row++)
            {
                long n = row / g.Rows;
                int i = (int)(row - (n * g.Rows));
                float* image = from + (n * g.Columns * g.Channels);
                long target = row * g.Channels;
                for (int c = 0; c < g.Channels; c += SimdMath.Lanes)
                {
                    Vector256<float> sum = Vector256<float>.Zero;
                    for (int k = first[i]; k < first[i + 1]; k++)
                    {
                        Vector256<float> value = Vector256.Load(image + ((long)all[k].Column * g.Channels) + c);
                        sum = Vector256.FusedMultiplyAdd(Vector256.Create(all[k].Weight), value, sum);
                    }

                    Vector256<float> start = add is null ? Vector256<float>.Zero : Vector256.Load(add + target + c);
                    SimdMath.StoreFirst(Vector256.FusedMultiplyAdd(Vector256.Create(scale), sum, start), to + target + c, g.Channels - c);
                }
            }
        });
    }
}
