using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Measuring;

/// <summary>A training step that a process computes alone: how long, and what it would have to add up with others, and when.</summary>
/// <param name="Milliseconds">From begin to end.</param>
/// <param name="Sums">The lengths of the sums of gradients, and when they can begin at the earliest, in order.</param>
/// <param name="Computed">When forward and backward passes are done, and nothing is left to do before all sums are.</param>
internal sealed record StepProfile(double Milliseconds, IReadOnlyList<(double At, long Values)> Sums, double Computed)
{
    /// <summary>As many values in a sum as <see cref="Optim.RecordedStep"/> of a group puts into one, where no parameter has more.</summary>
    public const long ValuesOfASum = 1 << 20;

    /// <summary>A network's step, where every FLOP takes as long as another, backward passes have twice those of forward passes, and the update takes no time.</summary>
    /// <param name="network">The network, its input and batch.</param>
    /// <param name="milliseconds">Of the step.</param>
    public static StepProfile Of(ModelSummary network, double milliseconds)
    {
        var sums = new List<(double At, long Values)>();
        long before = 0;
        foreach (LayerSummary layer in network.Layers.Reverse())
        {
            before += layer.Flops;
            double at = milliseconds * (1 + (2.0 * before / network.Flops)) / 3;
            if (layer.Parameters == 0)
            {
                continue;
            }

            if (sums.Count > 0 && sums[^1].Values + layer.Parameters <= ValuesOfASum)
            {
                sums[^1] = (at, sums[^1].Values + layer.Parameters);
            }
            else
            {
                sums.Add((at, layer.Parameters));
            }
        }

        return new StepProfile(milliseconds, sums, milliseconds);
    }
}
