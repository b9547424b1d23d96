namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Dropout(DeviceBuffer x, DeviceBuffer y, long count, float rate, in RandomKey key)
    {
        float* from = Floats(x);
        float* to = Floats(y);
        RandomKey stream = key;
        ulong threshold = DropoutThreshold(rate);
        float scale = 1f / (1f - rate);
        ForRanges(count, PointwiseGrain, (begin, end) =>
        {
            long i = begin;
            for (; i <= end - 4; i += 4)
            {
                (uint a, uint b, uint c, uint d) = stream.Words(i / 4);
                to[i] = a >= threshold ? from[i] * scale : 0f;
                to[i + 1] = b >= threshold ? from[i + 1] * scale : 0f;
                to[i + 2] = c >= threshold ? from[i + 2] * scale : 0f;
                to[i + 3] = d >= threshold ? from[i + 3] * scale : 0f;
            }

            if (i < end)
            {
                (uint a, uint b, uint c, _) = stream.Words(i / 4);
                ReadOnlySpan<uint> words = [a, b, c];
                for (int k = 0; i < end; i++, k++)
                {
                    to[i] = words[k] >= threshold ? from[i] * scale : 0f;
                }
            }
        });
    }
}
