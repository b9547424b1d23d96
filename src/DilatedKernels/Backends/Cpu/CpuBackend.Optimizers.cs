using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void SgdStep(ReadOnlySpan<OptimizerSlot> slots, float learningRate, float momentum, DeviceBuffer? loss)
    {
        if (!Updates(loss))
        {
            return;
        }

        foreach (OptimizerSlot slot in slots)
        {
            float* value = Floats(slot.Value);
            float* gradient = Floats(slot.Gradient);
            float* velocity = Floats(slot.State1);
            float rate = learningRate * slot.LearningRateMultiplier;
            float decay = slot.WeightDecay;
            ForRanges(slot.Count, PointwiseGrain, (begin, end) =>
            {
                long i = begin;
                for (; i <= end - SimdMath.Lanes; i += SimdMath.Lanes)
                {
                    Vector256<float> w = Vector256.Load(value + i);
                    Vector256<float> g = Vector256.FusedMultiplyAdd(Vector256.Create(decay), w, Vector256.Load(gradient + i));
                    Vector256<float> v = Vector256.FusedMultiplyAdd(Vector256.Create(momentum), Vector256.Load(velocity + i), g * rate);
                    v.Store(velocity + i);
                    (w - v).Store(value + i);
                }

                for (; i < end; i++)
                {
                    float g = MathF.FusedMultiplyAdd(decay, value[i], gradient[i]);
                    float v = MathF.FusedMultiplyAdd(momentum, velocity[i], g * rate);
                    velocity[i] = v;
                    value[i] -= v;
                }
            });
        }
    }

    public override void AdamStep(
        ReadOnlySpan<OptimizerSlot> slots, float learningRate, float beta1, float beta2, float epsilon, long step, DeviceBuffer? loss)
    {
        if (!Updates(loss))
        {
            return;
        }

        // m̂ and v̂ are m and v divided by these; folded into the rate and the root's scale.
        double correction1 = 1.0 - Math.Pow(beta1, step);
        float rootScale = (float)(1.0 / Math.Sqrt(1.0 - Math.Pow(beta2, step)));
        foreach (OptimizerSlot slot in slots)
        {
            float* value = Floats(slot.Value);
            float* gradient = Floats(slot.Gradient);
            float* first = Floats(slot.State1);
            float* second = Floats(slot.State2!);
            float rate = (float)((double)learningRate * slot.LearningRateMultiplier / correction1);
            float decay = slot.WeightDecay;
            ForRanges(slot.Count, PointwiseGrain, (begin, end) =>
            {
                long i = begin;
                for (; i <= end - SimdMath.Lanes; i += SimdMath.Lanes)
                {
                    Vector256<float> w = Vector256.Load(value + i);
                    Vector256<float> g = Vector256.FusedMultiplyAdd(Vector256.Create(decay), w, Vector256.Load(gradient + i));
                    Vector256<float> m = Vector256.FusedMultiplyAdd(Vector256.Create(beta1), Vector256.Load(first + i), g * (1f - beta1));
                    Vector256<float> v = Vector256.FusedMultiplyAdd(Vector256.Create(beta2), Vector256.Load(second + i), g * g * (1f - beta2));
                    m.Store(first + i);
                    v.Store(second + i);
                    Vector256<float> root = Vector256.FusedMultiplyAdd(Vector256.Sqrt(v), Vector256.Create(rootScale), Vector256.Create(epsilon));
                    (w - (m * rate / root)).Store(value + i);
                }

                for (; i < end; i++)
                {
                    float g = MathF.FusedMultiplyAdd(decay, value[i], gradient[i]);
                    float m = MathF.FusedMultiplyAdd(beta1, first[i], g * (1f - beta1));
                    float v = MathF.FusedMultiplyAdd(beta2, second[i], g * g * (1f - beta2));
                    first[i] = m;
                    second[i] = v;
                    value[i] -= m * rate / MathF.FusedMultiplyAdd(MathF.Sqrt(v), rootScale, epsilon);
                }
            });
        }
    }

    private static bool Updates(DeviceBuffer? loss) => loss is null || float.IsFinite(Floats(loss)[0]);
}
