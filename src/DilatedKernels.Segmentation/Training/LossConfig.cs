namespace DilatedKernels.Segmentation.Training;

/// <summary>What training makes small.</summary>
public enum LossKind
{
    /// <summary>The cross-entropy of the softmax.</summary>
    CrossEntropy,

    /// <summary>The focal loss (Lin et al. 2017, <see cref="Ops.FocalLoss"/>).</summary>
    Focal,

    /// <summary>The soft Dice loss over the classes of a batch (Milletari et al. 2016, <see cref="Ops.DiceLoss"/>).</summary>
    Dice,

    /// <summary>The sum of cross-entropy and Dice loss.</summary>
    CrossEntropyAndDice,
}

/// <summary>Where the weights of classes come from.</summary>
public enum ClassWeighting
{
    /// <summary>Every class counts the same.</summary>
    None,

    /// <summary>From the training split, before training (<see cref="MedianFrequency"/>).</summary>
    MedianFrequency,

    /// <summary>They were given.</summary>
    Given,
}

/// <summary>The loss and its weights.</summary>
public sealed record LossConfig
{
    /// <summary>The loss.</summary>
    public LossKind Kind { get; init; }

    /// <summary>The exponent of the focal loss, 0 or more; null is the paper's 2.</summary>
    public double? FocalGamma { get; init; }

    /// <summary>Where the weights of classes come from. Cross-entropy and focal loss have weights; the Dice loss, which counts every class the same, has none.</summary>
    public ClassWeighting Weighting { get; init; }

    /// <summary>The weights of the classes, each 0 or more; <see cref="Trainer.Start"/> fills in those that come from the training split.</summary>
    public IReadOnlyList<double>? ClassWeights { get; init; }

    internal float Gamma => (float)(FocalGamma ?? 2);

    /// <param name="classes">The classes of the network.</param>
    internal void Validate(int classes)
    {
        Require(Enum.IsDefined(Kind) && Enum.IsDefined(Weighting), "The configuration names a loss or a weighting of classes that does not exist.");
        Require(Gamma is >= 0 and < 1e6f, $"The focal loss's exponent (--focal-gamma) is 0 or more and below 1e6; it was {FocalGamma}.");
        Require(Kind != LossKind.Dice || Weighting == ClassWeighting.None, "The Dice loss counts every class the same; class weights (--class-weights) are for cross-entropy and focal loss.");
        Require(Weighting != ClassWeighting.None || ClassWeights is null, "The configuration has class weights but no weighting of classes that uses them.");
        Require(Weighting != ClassWeighting.Given || ClassWeights is not null, "The configuration says that class weights are given, but has none.");
        if (ClassWeights is { } weights)
        {
            Require(weights.Count == classes, $"There is one class weight a class (--class-weights): {classes} are needed; there were {weights.Count}.");
            foreach (double weight in weights)
            {
                Require((float)weight is >= 0 and < 1e6f, $"A class weight (--class-weights) is 0 or more and below 1e6; one was {weight}.");
            }

            Require(weights.Any(weight => (float)weight > 0), "At least one class weight (--class-weights) is above 0; otherwise nothing counts.");
        }

        static void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new UserInputException(message);
            }
        }
    }
}
