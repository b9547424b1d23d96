namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void FocalLoss(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, float gamma, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        int channels = shape.C;
        float* from = Floats(scores);
        byte* label = Bytes(labels);
        float* gradient = dScores is null ? null : Floats(dScores);
        float* weight = weights is null ? null : Floats(weights.Buffer);
        float share = total == 0 ? 0 : (float)(1.0 / total);
        var partial = new double[checked((int)((shape.Positions + SoftmaxGrain - 1) / SoftmaxGrain))];
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            // Where nobody wants the gradient, the exponentials go here.
            fixed (float* scratch = gradient is null ? new float[channels + SimdMath.Lanes] : null)
            {
                double sum = 0;
                for (long p = begin; p < end; p++)
                {
                    float* target = gradient is null ? scratch : gradient + (p * channels);
                    if (label[p] != ignoreLabel && (weight is null ? 1f : weight[label[p]]) is not 0f and var own)
                    {
                        sum += own * FocalLossAt(from + (p * channels), label[p], gamma, own * share, target, channels);
                    }
                    else if (gradient is not null)
                    {
                        new Span<float>(target, channels).Clear();
                    }
                }

                partial[begin / SoftmaxGrain] = sum;
            }
        });
        Floats(loss)[0] = total == 0 ? 0f : (float)(SumInOrder(partial) / total);
    }

    // 1 − q is summed from the other classes and not subtracted, and −ln q taken from it where q is large, so that a pixel that is nearly right has its digits.
    private static double FocalLossAt(float* scores, int label, float gamma, float share, float* gradient, int channels)
    {
        float max = MaxOf(scores, channels);
        float sum = StoreExponentials(scores, max, channels, gradient);
        float others = 0;
        for (int c = 0; c < channels; c++)
        {
            others += c == label ? 0f : gradient[c];
        }

        float right = gradient[label] / sum;
        float wrong = others / sum;
        double entropy = right > 0.5f ? LogOfOnePlus((double)wrong / right) : Math.Log(sum) - ((double)scores[label] - max);
        float focus = gamma == 0f ? 1f : MathF.Pow(wrong, gamma);
        // −ln(q) / (1 − q) is 1 in the limit.
        float ratio = wrong > 0f ? (float)(entropy / wrong) : 1f;
        float factor = share * (gamma == 0f ? 1f : focus * (1f + (gamma * right * ratio)));
        Scale(gradient, factor / sum, channels);
        gradient[label] = -factor * wrong;
        return focus * entropy;
    }

    // Below 1e-8 the next term of the series is no part of a float.
    private static double LogOfOnePlus(double x) => x < 1e-8 ? x : Math.Log(1.0 + x);
}
