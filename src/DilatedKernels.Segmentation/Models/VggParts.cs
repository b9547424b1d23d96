namespace DilatedKernels.Segmentation.Models;

/// <summary>What the networks that were made of VGG-16 share.</summary>
internal static class VggParts
{
    /// <summary>Convolutions, channels before the width multiplier.</summary>
    public static IReadOnlyList<(int Convolutions, int Channels)> Stages { get; } = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)];

    /// <summary>Channels at a width multiplier: rounded to the nearest whole number, half upwards, and at least 1.</summary>
    public static int Scale(int channels, double widthMultiplier) =>
        Math.Max(1, (int)Math.Round(channels * widthMultiplier, MidpointRounding.AwayFromZero));

    public static void CheckWidth(double widthMultiplier) =>
        Check.That(widthMultiplier > 0 && widthMultiplier <= 64, $"WidthMultiplier is above 0 and at most 64; it was {widthMultiplier}.");

    public static void CheckDropout(float dropout) => Check.That(dropout is >= 0 and < 1, $"Dropout is from 0 to below 1; it was {dropout}.");

    /// <summary>3×3 convolutions with ReLU, named conv<c>stage</c>_1 and so on.</summary>
    /// <param name="plan">The network.</param>
    /// <param name="stage">From 1.</param>
    /// <param name="convolutions">How many.</param>
    /// <param name="channels">Of each.</param>
    /// <param name="dilation">Of each.</param>
    /// <param name="padding">Of each but the first.</param>
    /// <param name="firstPadding">Of the first, where it differs.</param>
    /// <returns>The last one's position.</returns>
    public static int Stage(this PlanBuilder plan, int stage, int convolutions, int channels, int dilation, int padding, int? firstPadding = null)
    {
        for (int i = 1; i <= convolutions; i++)
        {
            plan.Then(new ConvolutionPlan(
                $"conv{stage}_{i}", plan.Channels(plan.Last), channels, 3, dilation, i == 1 ? firstPadding ?? padding : padding, Relu: true));
        }

        return plan.Last;
    }

    /// <summary>fc6 and fc7 as convolutions, each with ReLU and dropout.</summary>
    public static void FullyConnected(this PlanBuilder plan, int channels, int kernel, int dilation, int padding, float dropout)
    {
        plan.Then(new ConvolutionPlan("fc6", plan.Channels(plan.Last), channels, kernel, dilation, padding, Relu: true));
        plan.Then(new DropoutPlan("drop6", channels, dropout, 0));
        plan.Then(new ConvolutionPlan("fc7", channels, channels, 1, 1, 0, Relu: true));
        plan.Then(new DropoutPlan("drop7", channels, dropout, 1));
    }
}
