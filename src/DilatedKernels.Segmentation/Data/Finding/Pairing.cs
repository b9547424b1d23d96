namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>A folder of images and one of masks, or one of both, and how their files are named.</summary>
internal sealed record Pairing(string ImageFolder, string MaskFolder, Affixes Image, Affixes Mask, string ImageExtension, string MaskExtension)
{
    public int ImageCount { get; init; }

    public int Pairs { get; init; }

    public string ImagePattern => Pattern(ImageFolder, Image, ImageExtension);

    public string MaskPattern => Pattern(MaskFolder, Mask, MaskExtension);

    /// <summary>How many characters of the names are the same in all files.</summary>
    public int Fixed => Image.Before.Length + Image.After.Length + Mask.Before.Length + Mask.After.Length;

    /// <summary>Whether the other one names the same masks with less.</summary>
    public bool IsCoveredBy(Pairing other) =>
        other.Fixed < Fixed && other.Pairs >= Pairs && Mask.Before.StartsWith(other.Mask.Before, StringComparison.Ordinal) && Mask.After.EndsWith(other.Mask.After, StringComparison.Ordinal);

    /// <summary>The pairing of the folders above, where the last folder of both has one name: its name is part of the samples' names then.</summary>
    public Pairing WithoutCommonFolder()
    {
        (int image, int mask) = (ImageFolder.LastIndexOf('/'), MaskFolder.LastIndexOf('/'));
        return image > 0 && mask > 0 && ImageFolder[image..] == MaskFolder[mask..] && SplitWords.In(ImageFolder[image..]) is null
            ? this with { ImageFolder = ImageFolder[..image], MaskFolder = MaskFolder[..mask] }
            : this;
    }

    private static string Pattern(string folder, Affixes affixes, string extension) => $"{(folder.Length > 0 ? folder + "/" : "")}{affixes.Before}{FilePattern.Name}{affixes.After}{extension}";
}
