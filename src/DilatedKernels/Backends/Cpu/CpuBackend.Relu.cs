using System.Numerics;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void ReluForward(DeviceBuffer x, DeviceBuffer y, long count)
    {
        float* from = Floats(x);
        float* to = Floats(y);
        ForRanges(count, CopyGrain, (begin, end) =>
        {
            long i = begin;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<float> value = Vector.Load(from + i);
                // A comparison with NaN is false, so NaN passes.
                Vector.ConditionalSelect(Vector.LessThan(value, Vector<float>.Zero), Vector<float>.Zero, value).Store(to + i);
            }

            for (; i < end; i++)
            {
                to[i] = from[i] < 0 ? 0 : from[i];
            }
        });
    }

    public override void ReluBackward(DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx, long count)
    {
        float* output = Floats(y);
        float* from = Floats(dy);
        float* to = Floats(dx);
        ForRanges(count, CopyGrain, (begin, end) =>
        {
            long i = begin;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<int> passed = Vector.GreaterThan(Vector.Load(output + i), Vector<float>.Zero);
                Vector.ConditionalSelect(passed, Vector.Load(from + i), Vector<float>.Zero).Store(to + i);
            }

            for (; i < end; i++)
            {
                to[i] = output[i] > 0 ? from[i] : 0;
            }
        });
    }
}
