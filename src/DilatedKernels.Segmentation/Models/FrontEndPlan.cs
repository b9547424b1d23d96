using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The layers of a front end: no padding, poolings only where stages ask for them.</summary>
internal static class FrontEndPlan
{
    public static void AddTo(PlanBuilder plan, FrontEndConfig? config)
    {
        if (config is null)
        {
            return;
        }

        for (int s = 0; s < config.Stages.Count; s++)
        {
            Stage stage = config.Stages[s];
            plan.Stage(s + 1, stage.Convolutions, config.Scale(stage.Channels), stage.Dilation, padding: 0);
            if (stage.PoolAfter)
            {
                plan.Then(new PoolPlan($"pool{s + 1}", plan.Channels(plan.Last), config.PoolRounding));
            }
        }

        plan.FullyConnected(config.Scale(config.FcChannels), config.FcKernel, config.FcDilation, padding: 0, config.Dropout);
        plan.Then(new ConvolutionPlan("final", plan.Channels(plan.Last), config.Classes, 1, 1, 0, Relu: false)
        {
            Start = (weight, seed) => Initialization.Gaussian(weight, config.FinalDeviation, seed),
        });
    }
}
