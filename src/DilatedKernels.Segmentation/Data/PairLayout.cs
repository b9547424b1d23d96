namespace DilatedKernels.Segmentation.Data;

/// <summary>A folder of images and a folder of masks for each split, files of the same name belonging together.</summary>
internal sealed class PairLayout : DatasetLayout
{
    private static readonly string[] MaskSuffixes = ["annot", "_labels"];
    private static readonly string[] ImageExtensions = [".png", ".jpg", ".jpeg"];

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
        SortedDictionary<string, Sample> samples = new(StringComparer.Ordinal);
        foreach (string image in Images(Path.Combine(_root, split)))
        {
            string name = Path.GetFileNameWithoutExtension(image);
            string mask = Path.Combine(_maskFolders[split], name + ".png");
            if (!samples.TryAdd(name, new Sample(name, image, File.Exists(mask) ? mask : null)))
            {
                throw new UserInputException($"{image}: there is another image of this name, {samples[name].ImagePath}, and the mask belongs to only one; remove or rename one.");
            }
        }

        return [.. samples.Values];
    }

    public override string MaskPathFor(string split, Sample sample) => Path.Combine(_maskFolders[split], sample.Name + ".png");

    public override IEnumerable<DatasetProblem> StrayFiles(string split)
    {
        HashSet<string> names = [.. Images(Path.Combine(_root, split)).Select(file => Path.GetFileNameWithoutExtension(file))];
        return Images(_maskFolders[split])
            .Where(mask => !names.Contains(Path.GetFileNameWithoutExtension(mask)))
            .Order(StringComparer.Ordinal)
            .Select(mask => new DatasetProblem(mask, $"no image of this name is in {Path.Combine(_root, split)}; add it or remove the mask."));
    }

    private static IEnumerable<string> Images(string folder)
        => Directory.EnumerateFiles(folder).Where(file => ImageExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase));
}
