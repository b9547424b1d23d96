namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void DiceForward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, float share, DeviceBuffer loss, DeviceBuffer factors)
    {
        int channels = shape.C;
        float* from = Floats(probabilities);
        byte* label = Bytes(labels);
        var partial = new double[checked((int)((shape.Positions + SoftmaxGrain - 1) / SoftmaxGrain))][];
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            double[] sums = new double[3 * channels];
            for (long p = begin; p < end; p++)
            {
                if (label[p] != ignoreLabel)
                {
                    AddDice(from + (p * channels), label[p], sums, channels);
                }
            }

            partial[begin / SoftmaxGrain] = sums;
        });

        double[] total = new double[3 * channels];
        foreach (double[] sums in partial)
        {
            for (int i = 0; i < total.Length; i++)
            {
                total[i] += sums[i];
            }
        }

        Floats(loss)[0] = FinishDice(total, channels, share, Floats(factors));
    }

    public override void DiceBackward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, DeviceBuffer factors, DeviceBuffer dy, DeviceBuffer dProbabilities)
    {
        int channels = shape.C;
        float* from = Floats(probabilities);
        byte* label = Bytes(labels);
        float* own = Floats(factors);
        float* slope = own + channels;
        float* to = Floats(dProbabilities);
        float upstream = Floats(dy)[0];
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            for (long p = begin; p < end; p++)
            {
                var target = new Span<float>(to + (p * channels), channels);
                if (label[p] == ignoreLabel)
                {
                    target.Clear();
                    continue;
                }

                for (int c = 0; c < channels; c++)
                {
                    target[c] = upstream * MathF.FusedMultiplyAdd(slope[c], from[(p * channels) + c], c == label[p] ? own[c] : 0f);
                }
            }
        });
    }

    // Σ P·[label = c], Σ P² and Σ [label = c], class by class.
    private static void AddDice(float* probabilities, int label, double[] sums, int channels)
    {
        for (int c = 0; c < channels; c++)
        {
            sums[channels + c] += (double)probabilities[c] * probabilities[c];
        }

        sums[label] += probabilities[label];
        sums[(2 * channels) + label]++;
    }

    private static float FinishDice(double[] sums, int channels, float share, float* factors)
    {
        double missing = 0;
        double present = 0;
        for (int c = 0; c < channels; c++)
        {
            if (sums[(2 * channels) + c] > 0)
            {
                missing += 1 - (2 * sums[c] / (sums[channels + c] + sums[(2 * channels) + c]));
                present++;
            }
        }

        double scale = present > 0 ? share / present : 0;
        for (int c = 0; c < channels; c++)
        {
            bool counts = sums[(2 * channels) + c] > 0;
            double total = sums[channels + c] + sums[(2 * channels) + c];
            factors[c] = counts ? (float)(-2 * scale / total) : 0f;
            factors[channels + c] = counts ? (float)(4 * scale * sums[c] / (total * total)) : 0f;
        }

        return (float)(missing * scale);
    }
}
