namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>Images and masks that seem to belong together, in a folder of no known layout.</summary>
/// <param name="Images">Where the images are, as a <see cref="FilePattern"/>.</param>
/// <param name="Masks">Where their masks are.</param>
/// <param name="Splits">What <c>{split}</c> stands for in each split; null if there are none.</param>
/// <param name="Lists">Where lists of names are; null if there are none.</param>
/// <param name="ImageCount">The number of images.</param>
/// <param name="PairCount">How many of them have a mask.</param>
internal sealed record FoundLayout(string Images, string Masks, IReadOnlyDictionary<string, string>? Splits, string? Lists, int ImageCount, int PairCount)
{
    /// <summary>The share of the training images that is kept for validation where nothing else says which those are.</summary>
    public const double ValidationShare = 0.2;

    /// <summary>Whether images for validation must be chosen from the others.</summary>
    public bool NeedsValidation => Splits is null || (Splits.ContainsKey(DescribedLayout.Training) && !Splits.ContainsKey(DescribedLayout.Validation));

    /// <summary>Puts what was found into a description.</summary>
    public void Fill(DatasetDescription description)
    {
        description.Images = Images;
        description.Masks = Masks;
        description.Splits = Splits?.ToDictionary();
        description.Lists = Lists;
        description.ValShare = NeedsValidation ? ValidationShare : null;
        description.ValSeed = NeedsValidation ? 1 : null;
    }
}
