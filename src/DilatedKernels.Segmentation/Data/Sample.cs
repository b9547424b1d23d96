namespace DilatedKernels.Segmentation.Data;

/// <summary>An image of a dataset and its label mask.</summary>
/// <param name="Name">The name within the split, without extension.</param>
/// <param name="ImagePath">The image file. Whether it exists is found out on reading.</param>
/// <param name="MaskPath">The mask file, or null if there is none.</param>
public sealed record Sample(string Name, string ImagePath, string? MaskPath)
{
    /// <summary>What the colours of the mask stand for; null if it holds class indices.</summary>
    internal ColorCode? Colors { get; init; }
}
