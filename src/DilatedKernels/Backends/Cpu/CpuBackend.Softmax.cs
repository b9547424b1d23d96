using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

// A position's channels are processed eight at a time. The last group may read into the next position (or the readable
// tail of the buffer); a mask takes those lanes out again.
internal sealed unsafe partial class CpuBackend
{
    private const long SoftmaxGrain = 1 << 10;

    public override void SoftmaxForward(in Shape shape, DeviceBuffer x, DeviceBuffer y)
    {
        int channels = shape.C;
        float* from = Floats(x);
        float* to = Floats(y);
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            for (long p = begin; p < end; p++)
            {
                float* scores = from + (p * channels);
                float* probabilities = to + (p * channels);
                float sum = StoreExponentials(scores, MaxOf(scores, channels), channels, probabilities);
                Scale(probabilities, 1f / sum, channels);
            }
        });
    }

    public override void SoftmaxBackward(in Shape shape, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        int channels = shape.C;
        float* probabilities = Floats(y);
        float* from = Floats(dy);
        float* to = Floats(dx);
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            for (long p = begin; p < end; p++)
            {
                SoftmaxGradient(probabilities + (p * channels), from + (p * channels), to + (p * channels), channels);
            }
        });
    }

    public override void SoftmaxCrossEntropy(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, long validCount, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        int channels = shape.C;
        float* from = Floats(scores);
        byte* label = Bytes(labels);
        float* gradient = dScores is null ? null : Floats(dScores);
        float share = validCount == 0 ? 0 : (float)(1.0 / validCount);
        var partial = new double[checked((int)((shape.Positions + SoftmaxGrain - 1) / SoftmaxGrain))];
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            double sum = 0;
            for (long p = begin; p < end; p++)
            {
                float* target = gradient is null ? null : gradient + (p * channels);
                if (label[p] != ignoreLabel)
                {
                    sum += CrossEntropyAt(from + (p * channels), label[p], share, target, channels);
                }
                else if (target is not null)
                {
                    new Span<float>(target, channels).Clear();
                }
            }

            partial[begin / SoftmaxGrain] = sum;
        });
        Floats(loss)[0] = validCount == 0 ? 0f : (float)(SumInOrder(partial) / validCount);
    }

    private static double CrossEntropyAt(float* scores, int label, float share, float* gradient, int channels)
    {
        float max = MaxOf(scores, channels);
        float sum = StoreExponentials(scores, max, channels, gradient);
        if (gradient is not null)
        {
            Scale(gradient, share / sum, channels);
            gradient[label] -= share;
        }

        return Math.Log(sum) - ((double)scores[label] - max);
    }

    private static float MaxOf(float* x, int channels)
    {
        Vector256<float> max = Vector256.Create(float.NegativeInfinity);
        int c = 0;
        for (; c <= channels - SimdMath.Lanes; c += SimdMath.Lanes)
        {
            max = Vector256.Max(max, Vector256.Load(x + c));
        }

        if (c < channels)
        {
            Vector256<float> inside = SimdMath.FirstLanes(channels - c);
            max = Vector256.Max(max, Vector256.ConditionalSelect(inside, Vector256.Load(x + c), max));
        }

        return SimdMath.Max(max);
    }

    /// <summary>The sum of <c>e^(x − max)</c>; the terms go to <paramref name="target"/>, which may be null.</summary>
    private static float StoreExponentials(float* x, float max, int channels, float* target)
    {
        Vector256<float> shift = Vector256.Create(max);
        Vector256<float> sum = Vector256<float>.Zero;
        int c = 0;
        for (; c <= channels - SimdMath.Lanes; c += SimdMath.Lanes)
        {
            Vector256<float> term = SimdMath.Exp(Vector256.Load(x + c) - shift);
            sum += term;
            if (target is not null)
            {
                term.Store(target + c);
            }
        }

        if (c < channels)
        {
            Vector256<float> term = SimdMath.Exp(Vector256.Load(x + c) - shift) & SimdMath.FirstLanes(channels - c);
            sum += term;
            if (target is not null)
            {
                SimdMath.StoreFirst(term, target + c, channels - c);
            }
        }

        return SimdMath.Sum(sum);
    }

    private static void Scale(float* x, float factor, int channels)
    {
        Vector256<float> factors = Vector256.Create(factor);
        for (int c = 0; c < channels; c += SimdMath.Lanes)
        {
            SimdMath.StoreFirst(Vector256.Load(x + c) * factors, x + c, channels - c);
        }
    }

    private static void SoftmaxGradient(float* y, float* dy, float* dx, int channels)
    {
        Vector256<float> products = Vector256<float>.Zero;
        for (int c = 0; c < channels; c += SimdMath.Lanes)
        {
            Vector256<float> product = Vector256.Load(y + c) * Vector256.Load(dy + c);
            products += product & SimdMath.FirstLanes(channels - c);
        }

        Vector256<float> mean = Vector256.Create(SimdMath.Sum(products));
        for (int c = 0; c < channels; c += SimdMath.Lanes)
        {
            Vector256<float> value = Vector256.Load(y + c) * (Vector256.Load(dy + c) - mean);
            SimdMath.StoreFirst(value, dx + c, channels - c);
        }
    }
}
