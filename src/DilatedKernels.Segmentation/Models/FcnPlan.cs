using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The layers of a fully convolutional network, by the names of the authors' released ones.</summary>
internal static class FcnPlan
{
    public static void AddTo(PlanBuilder plan, FcnConfig? config)
    {
        if (config is null)
        {
            return;
        }

        var pools = new int[VggParts.Stages.Count];
        for (int s = 0; s < pools.Length; s++)
        {
            (int convolutions, int channels) = VggParts.Stages[s];
            plan.Stage(s + 1, convolutions, config.Scale(channels), 1, padding: 1, firstPadding: s == 0 ? FcnConfig.FirstPadding : 1);
            // Rounded up, scores reach past every image's border; rounded down, they would not.
            pools[s] = plan.Then(new PoolPlan($"pool{s + 1}", config.Scale(channels), PoolRounding.Ceiling));
        }

        plan.FullyConnected(config.Scale(4096), 7, 1, padding: 0, config.Dropout);
        int scores = plan.Then(Score("score_fr", plan.Last));
        string last = "upscore";
        if (config.Stride <= 16)
        {
            scores = Join(scores, "upscore2", "score_pool4", pools[3], "fuse_pool4");
            last = "upscore16";
        }

        if (config.Stride == 8)
        {
            scores = Join(scores, "upscore_pool4", "score_pool3", pools[2], "fuse_pool3");
            last = "upscore8";
        }

        // The released networks do not pad this deconvolution and cut half its stride later: 19, 27 and 31 instead of 3, 19 and 27. What is left is the same.
        int upsampled = plan.Add(new DeconvolutionPlan(last, config.Classes, config.Stride), scores);
        plan.Crop("score", upsampled, Graph.Input);

        int Join(int coarse, string upsampling, string skip, int pool, string sum)
        {
            int enlarged = plan.Add(
                config.LearnUpsampling ? new TransposedConvolutionPlan(upsampling, config.Classes, 2) : new DeconvolutionPlan(upsampling, config.Classes, 2, Padded: false),
                coarse);
            int fine = plan.Add(Score(skip, pool), pool);
            return plan.Add(new AddPlan(sum, config.Classes), enlarged, plan.Crop(skip + "c", fine, enlarged));
        }

        // Zero, so that a network begins as the coarser one whose weights it was given.
        ConvolutionPlan Score(string name, int input) => new(name, plan.Channels(input), config.Classes, 1, 1, 0, Relu: false)
        {
            Start = (weight, _) => Initialization.Zero(weight),
        };
    }
}
