using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Random changes of the training images, beside mirroring. They follow from the run's seed and the step alone.</summary>
public sealed record AugmentationConfig
{
    /// <summary>The least factor by which an image is enlarged before it is cut (<see cref="CropOptions.LeastScale"/>); null is 1.</summary>
    public double? LeastScale { get; init; }

    /// <summary>The greatest factor; null is 1.</summary>
    public double? MostScale { get; init; }

    /// <summary>Changes of colour, or null for none.</summary>
    public ColorJitter? Jitter { get; init; }

    internal bool ChangesImages => LeastScale is not (null or 1) || MostScale is not (null or 1) || Jitter is not null;
}
