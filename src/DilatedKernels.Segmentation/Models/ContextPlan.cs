using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The layers of a context module, which reads the newest layer or, alone, the network's input.</summary>
internal static class ContextPlan
{
    public static void AddTo(PlanBuilder plan, ContextConfig? config)
    {
        if (config is null)
        {
            return;
        }

        // A 3×3 layer at dilation l takes l cells away on each side.
        int once = config.Padding == ContextPadding.Once ? config.Dilations.Sum() : 0;
        if (once > 0 && config.PaddingMode == PaddingMode.Reflect)
        {
            plan.Then(new ReflectionPadPlan("context.pad", config.Classes, once));
            once = 0;
        }

        IReadOnlyList<int> multipliers = config.Multipliers;
        for (int i = 0; i < config.Dilations.Count; i++)
        {
            int dilation = config.Dilations[i];
            int padding = config.Padding == ContextPadding.PerLayer ? dilation : i == 0 ? once : 0;
            Add(i + 1, config.Classes * multipliers[i], 3, dilation, padding, relu: true);
        }

        Add(config.Dilations.Count + 1, config.Classes, 1, 1, 0, relu: false);

        void Add(int number, int channels, int kernel, int dilation, int padding, bool relu) =>
            plan.Then(new ConvolutionPlan($"context.conv{number}", plan.Channels(plan.Last), channels, kernel, dilation, padding, relu)
            {
                Start = (weight, seed) => Initialize(weight, config, seed),
            });
    }

    private static void Initialize(Parameter weight, ContextConfig config, ulong seed)
    {
        switch (config.Initialization)
        {
            case ContextInitialization.Identity:
                Initialization.Identity(weight, config.Classes, config.Noise, seed);
                break;
            case ContextInitialization.He:
                Initialization.He(weight, seed);
                break;
            case ContextInitialization.Glorot:
                Initialization.Glorot(weight, seed);
                break;
            default:
                Initialization.Gaussian(weight, config.Noise, seed);
                break;
        }
    }
}
