using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Dropout(DeviceBuffer x, DeviceBuffer y, long count, float rate, in RandomKey key)
    {
        float* from = Floats(x);
        float* to = Floats(y);
        RandomKey stream = key;
        uint threshold = DropoutThreshold(rate);
        float scale = 1f / (1f - rate);
        ForRanges(count, PointwiseGrain, (begin, end) =>
        {
            uint* words = stackalloc uint[PhiloxLanes.Words];
            for (long i = begin; i < end; i += PhiloxLanes.Words)
            {
                PhiloxLanes.Generate(stream, i / 4, words);
                if (end - i >= PhiloxLanes.Words)
                {
                    KeepEight(words, threshold, scale, from + i, to + i);
                    KeepEight(words + SimdMath.Lanes, threshold, scale, from + i + SimdMath.Lanes, to + i + SimdMath.Lanes);
                    continue;
                }

                for (int k = 0; k < end - i; k++)
                {
                    to[i + k] = words[k] >= threshold ? from[i + k] * scale : 0f;
                }
            }
        });
    }

    private static void KeepEight(uint* words, uint threshold, float scale, float* x, float* y)
    {
        Vector256<uint> kept = Vector256.GreaterThanOrEqual(Vector256.Load(words), Vector256.Create(threshold));
        ((Vector256.Load(x) * scale) & kept.AsSingle()).Store(y);
    }
}
