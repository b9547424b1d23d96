using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>What refines a system's scores.</summary>
public enum Refinement
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A dense CRF on its probabilities.</summary>
    Crf,

    /// <summary>A CRF that was trained with it.</summary>
    CrfRnn,
}

/// <summary>The score of one system with one seed.</summary>
/// <param name="System">The system.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Refinement">What refined its scores.</param>
/// <param name="Matrix">Counts over the whole split.</param>
/// <param name="TrainingSeconds">What training took, the network's under a context module included; and that without the CRF under one that was trained with it; NaN where a run was continued and its beginning not timed.</param>
public sealed record CompareScore(ComparedSystem System, ulong Seed, Refinement Refinement, ConfusionMatrix Matrix, double TrainingSeconds);

/// <summary>All scores of a comparison.</summary>
/// <param name="Config">What was compared.</param>
/// <param name="Classes">The dataset's classes.</param>
/// <param name="Scores">In the order of systems, seeds, and refinements.</param>
/// <param name="Parameters">Weights and biases of each system, in the configuration's order, without those of a CRF that learns.</param>
public sealed record CompareResult(CompareConfig Config, ClassSet Classes, IReadOnlyList<CompareScore> Scores, IReadOnlyList<long> Parameters)
{
    /// <summary>The scores of a system over the seeds.</summary>
    internal CompareScore[] Of(string system, Refinement refinement) => [.. Scores.Where(score => score.System.Name == system && score.Refinement == refinement)];

    /// <summary>Mean and standard deviation (of the sample; 0 for one seed) of a value over seeds, NaN left out.</summary>
    internal static (double Mean, double Deviation) Over(IEnumerable<double> values)
    {
        double[] present = [.. values.Where(value => !double.IsNaN(value))];
        if (present.Length == 0)
        {
            return (double.NaN, double.NaN);
        }

        double mean = present.Average();
        double deviation = present.Length == 1 ? 0 : Math.Sqrt(present.Sum(value => (value - mean) * (value - mean)) / (present.Length - 1));
        return (mean, deviation);
    }
}
