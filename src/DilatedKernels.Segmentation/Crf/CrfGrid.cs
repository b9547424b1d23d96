namespace DilatedKernels.Segmentation.Crf;

/// <summary>The values that a search tries for each parameter of a dense CRF; every combination is one candidate. Everything else is as in <see cref="Start"/>.</summary>
/// <param name="Start">The parameters that are not searched over.</param>
public sealed record CrfGrid(DenseCrfConfig Start)
{
    private const int MostCandidates = 10_000;

    /// <summary>Values of <see cref="DenseCrfConfig.BilateralWeight"/>.</summary>
    public IReadOnlyList<double> BilateralWeights { get; init; } = [Start.BilateralWeight];

    /// <summary>Values of <see cref="DenseCrfConfig.BilateralSigma"/>.</summary>
    public IReadOnlyList<double> BilateralSigmas { get; init; } = [Start.BilateralSigma];

    /// <summary>Values of <see cref="DenseCrfConfig.ColorSigma"/>.</summary>
    public IReadOnlyList<double> ColorSigmas { get; init; } = [Start.ColorSigma];

    /// <summary>Values of <see cref="DenseCrfConfig.SpatialWeight"/>.</summary>
    public IReadOnlyList<double> SpatialWeights { get; init; } = [Start.SpatialWeight];

    /// <summary>Values of <see cref="DenseCrfConfig.SpatialSigma"/>.</summary>
    public IReadOnlyList<double> SpatialSigmas { get; init; } = [Start.SpatialSigma];

    /// <summary>Every combination, those of one pair of bilateral deviations together, because they share the costly filter.</summary>
    /// <exception cref="ArgumentException">There is none, there are more than 10,000, or a value is out of its range.</exception>
    public IReadOnlyList<DenseCrfConfig> Candidates()
    {
        long count = 1;
        foreach (IReadOnlyList<double> values in new[] { BilateralWeights, BilateralSigmas, ColorSigmas, SpatialWeights, SpatialSigmas })
        {
            count = Math.Min(count * values.Count, int.MaxValue);
        }

        if (count is < 1 or > MostCandidates)
        {
            throw new ArgumentException($"A search tries 1 to {MostCandidates} combinations; these lists have {count}.");
        }

        IEnumerable<DenseCrfConfig> all =
            from sigma in BilateralSigmas
            from color in ColorSigmas
            from spatial in SpatialSigmas
            from weight in BilateralWeights
            from spatialWeight in SpatialWeights
            select Start with { BilateralSigma = sigma, ColorSigma = color, SpatialSigma = spatial, BilateralWeight = weight, SpatialWeight = spatialWeight };
        DenseCrfConfig[] candidates = [.. all];
        foreach (DenseCrfConfig candidate in candidates)
        {
            candidate.Validate();
        }

        return candidates;
    }
}
