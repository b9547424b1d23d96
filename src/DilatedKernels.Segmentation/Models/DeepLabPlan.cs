using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The layers of DeepLab.</summary>
internal static class DeepLabPlan
{
    private const int OutputStride = 8;

    public static void AddTo(PlanBuilder plan, DeepLabConfig? config)
    {
        if (config is null)
        {
            return;
        }

        var branches = new List<int>();
        int current = Branch("image", plan.Last, OutputStride);
        int stride = 1;
        for (int s = 0; s < VggParts.Stages.Count; s++)
        {
            (int convolutions, int channels) = VggParts.Stages[s];
            int dilation = s == 4 ? 2 : 1;
            for (int i = 1; i <= convolutions; i++)
            {
                current = plan.Add(
                    new ConvolutionPlan($"conv{s + 1}_{i}", plan.Channels(current), config.Scale(channels), 3, dilation, dilation, Relu: true), current);
            }

            int step = stride < OutputStride ? 2 : 1;
            stride *= step;
            string name = $"pool{s + 1}";
            current = plan.Add(new PoolPlan(name, config.Scale(channels), PoolRounding.Floor) { KernelExtent = 3, StrideAmount = step, PaddingAmount = 1 }, current);
            current = s < 4 ? Branch(name, current, OutputStride / stride) : current;
        }

        if (config.AveragePool)
        {
            plan.Then(new AveragePoolPlan("pool5a", plan.Channels(plan.Last), 3));
        }

        plan.FullyConnected(config.Scale(config.FcChannels), config.FcKernel, config.FcDilation, (config.FcKernel - 1) * config.FcDilation / 2, config.Dropout);
        int scores = plan.Then(Classifier("fc8", plan.Last));
        if (config.MultiScale)
        {
            // A classifier on fc7 and the branches together is the sum of one on each, and so fc8 has the shape that it has without them.
            int maps = plan.Add(new ConcatPlan("msc", branches.Sum(plan.Channels)), branches);
            plan.Add(new AddPlan("score", config.Classes), scores, plan.Add(Classifier("fc8_msc", maps), maps));
        }

        // Returns what the trunk goes on with: the branch's own input.
        int Branch(string name, int input, int step)
        {
            if (config.MultiScale)
            {
                int channels = config.Scale(DeepLabConfig.BranchChannels);
                int first = plan.Add(
                    new ConvolutionPlan($"msc_{name}_1", plan.Channels(input), channels, 3, 1, 1, Relu: true) { StrideAmount = step }, input);
                branches.Add(plan.Add(new ConvolutionPlan($"msc_{name}_2", channels, channels, 1, 1, 0, Relu: true), first));
            }

            return input;
        }

        ConvolutionPlan Classifier(string name, int input) => new(name, plan.Channels(input), config.Classes, 1, 1, 0, Relu: false)
        {
            Start = (weight, seed) => Initialization.Gaussian(weight, config.FinalDeviation, seed),
            LearningRate = config.ClassifierRate,
        };
    }
}
