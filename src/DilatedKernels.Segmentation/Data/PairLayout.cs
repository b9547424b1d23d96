namespace DilatedKernels.Segmentation.Data;

/// <summary>A folder of images and a folder of masks for each split, files of the same name belonging together.</summary>
internal sealed class PairLayout : DatasetLayout
{
    private static readonly string[] MaskSuffixes = ["annot", "_labels"];

    private readonly string _root;
    private readonly SortedDictionary<string, string> _maskFolders;

    private PairLayout(string root, SortedDictionary<string, string> maskFolders)
    {
        (_root, _maskFolders) = (root, maskFolders);
        Splits = [.. maskFolders.Keys];
    }

    public override IReadOnlyList<string> Splits { get; }

    public override ClassSet? DefaultClasses => null;

    public static PairLayout? TryOpen(string root)
    {
        SortedDictionary<string, string> maskFolders = new(StringComparer.Ordinal);
        foreach (string folder in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            string split = Path.GetFileName(folder);
            string[] masks = [.. MaskSuffixes.Select(suffix => folder + suffix).Where(Directory.Exists)];
            if (masks.Length > 1)
            {
                throw new UserInputException($"{root}: the split \"{split}\" has two mask folders, {Path.GetFileName(masks[0])}/ and {Path.GetFileName(masks[1])}/; keep one.");
            }

            if (masks.Length == 1)
            {
                maskFolders.Add(split, masks[0]);
            }
        }

        return maskFolders.Count > 0 ? new PairLayout(root, maskFolders) : null;
    }

    public override IReadOnlyList<Sample> Samples(string split)
    {
        SortedDictionary<string, string> images = new(StringComparer.Ordinal);
        foreach (string image in Files(Path.Combine(_root, split), SplitFiles.ImageExtensions))
        {
            string name = Path.GetFileNameWithoutExtension(image);
            if (!images.TryAdd(name, image))
            {
                throw new UserInputException($"{image}: there is another image of this name, {images[name]}, and the mask belongs to only one; remove or rename one.");
            }
        }

        SplitFiles masks = new(_maskFolders[split], SplitFiles.MaskExtensions, images.Keys);
        return [.. images.Select(entry => new Sample(entry.Key, entry.Value, masks.Find(entry.Key)))];
    }

    public override string MaskFolder(string split) => _maskFolders[split];

    public override string MaskPathFor(string split, Sample sample) => Path.Combine(_maskFolders[split], sample.Name + ".png");

    public override IEnumerable<DatasetProblem> StrayFiles(string split)
    {
        string images = Path.Combine(_root, split);
        IReadOnlyList<Sample> samples = Samples(split);
        HashSet<string?> used = [.. samples.Select(sample => sample.MaskPath)];
        HashSet<string> names = new(samples.Select(sample => sample.Name), StringComparer.OrdinalIgnoreCase);
        return Files(_maskFolders[split], SplitFiles.MaskExtensions)
            .Where(mask => !used.Contains(mask))
            .Select(mask => new DatasetProblem(mask, names.Contains(Path.GetFileNameWithoutExtension(mask))
                ? "the mask is not used: another one has the name of its image, or the two names differ in letter case and it is not clear which belong together; rename or remove it."
                : $"no image of this name is in {images}; add it or remove the mask."));
    }

    public override IEnumerable<DatasetProblem> SkippedFiles(string split)
        => SplitFiles.Skipped(Path.Combine(_root, split), SplitFiles.ImageExtensions, "images are .png, .jpg or .jpeg files.")
            .Concat(SplitFiles.Skipped(_maskFolders[split], SplitFiles.MaskExtensions, "masks are .png files."));

    private static IEnumerable<string> Files(string folder, IReadOnlyList<string> extensions)
        => Directory.EnumerateFiles(folder).Where(file => SplitFiles.Has(file, extensions)).Order(StringComparer.Ordinal);
}
