using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// What a dataset.json says about its folders. Splits are folders or parts of names (where the patterns have <c>{split}</c>), or lists of names; where there is none
/// for validation, a share of the training images is kept for it: those with the smallest hash of seed and name, so that the order of files does not matter.
/// </summary>
internal sealed class DescribedLayout : DatasetLayout
{
    /// <summary>The split that is trained on by default, and the one that a share of it can be kept for.</summary>
    public const string Training = "train";
    public const string Validation = "val";

    private readonly string _root;
    private readonly string _images;
    private readonly string _masks;
    private readonly string? _lists;
    private readonly IReadOnlyDictionary<string, string> _splits;
    private readonly double _share;
    private readonly long _seed;

    public DescribedLayout(string root, DatasetDescription description)
    {
        (_root, _images, _masks, _lists) = (root, description.Images!, description.Masks!, description.Lists);
        _splits = description.Splits ?? new Dictionary<string, string> { [Training] = "" };
        (_share, _seed) = (description.ValShare ?? 0, description.ValSeed ?? 1);
        Splits = [.. (_share > 0 ? _splits.Keys.Append(Validation) : _splits.Keys).Order(StringComparer.Ordinal)];
    }

    public override IReadOnlyList<string> Splits { get; }

    public override ClassSet? DefaultClasses => null;

    private bool SplitsAreFolders => _images.Contains(FilePattern.Split, StringComparison.Ordinal) || _masks.Contains(FilePattern.Split, StringComparison.Ordinal);

    public override IReadOnlyList<Sample> Samples(string split)
    {
        bool shares = _share > 0 && split is Training or Validation && _splits.ContainsKey(Training);
        IReadOnlyList<Sample> samples = Named(shares ? Training : split);
        if (!shares)
        {
            return samples;
        }

        // At least one for each, where there are two.
        int kept = Math.Clamp((int)Math.Round(_share * samples.Count), Math.Min(1, samples.Count - 1), Math.Max(0, samples.Count - 1));
        HashSet<string> validation = [.. samples.OrderBy(sample => Hash(sample.Name), StringComparer.Ordinal).Take(kept).Select(sample => sample.Name)];
        return [.. samples.Where(sample => validation.Contains(sample.Name) == (split == Validation))];
    }

    public override string MaskFolder(string split) => Path.Combine(_root, Masks(split).Folder);

    public override string MaskPathFor(string split, Sample sample) => Path.Combine(_root, Masks(split).PathFor(sample.Name));

    public override IEnumerable<DatasetProblem> StrayFiles(string split)
    {
        if (!LooksOver(split))
        {
            return [];
        }

        FilePattern images = Images(split);
        HashSet<string> names = new(ImageFiles(split).Select(file => file.Name), StringComparer.OrdinalIgnoreCase);
        return Masks(split).Files(_root).Where(mask => !names.Contains(mask.Name))
            .Select(mask => new DatasetProblem(mask.Path, $"its image is not there; it would be {Path.Combine(_root, images.PathFor(mask.Name))}. Add it or remove the mask."));
    }

    public override IEnumerable<DatasetProblem> SkippedFiles(string split)
    {
        if (!LooksOver(split))
        {
            yield break;
        }

        (FilePattern images, FilePattern masks) = (Images(split), Masks(split));
        foreach (string folder in (string[])[.. new[] { images.Folder, masks.Folder }.Distinct(StringComparer.Ordinal)])
        {
            string full = Path.Combine(_root, folder);
            // Of the dataset's own folder others may be about anything.
            string[] skipped = folder.Length == 0 ? [] : [.. FilePattern.All(full).Where(file => !IsOf(images, file) && !IsOf(masks, file)).Order(StringComparer.Ordinal)];
            if (skipped.Length > 0)
            {
                string others = skipped.Length == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", nor are {skipped.Length - 1} others beside it");
                yield return new DatasetProblem(skipped[0], $"the file is not read{others}; images are {_images}, masks are {_masks}.");
            }

            bool IsOf(FilePattern pattern, string file) => pattern.Folder == folder && pattern.NameOf(full, file) is not null;
        }
    }

    // What does not belong to one split is looked over with the first.
    private bool LooksOver(string split) => SplitsAreFolders ? _splits.ContainsKey(split) : split == Splits[0];

    private IReadOnlyList<Sample> Named(string split)
    {
        IReadOnlyDictionary<string, string> images = Unique(ImageFiles(split));
        ILookup<string, (string Name, string Path)> masks = Masks(split).Files(_root).ToLookup(file => file.Name, StringComparer.OrdinalIgnoreCase);
        IEnumerable<string> names = _lists is null ? images.Keys.Order(StringComparer.Ordinal) : Listed(split, images);
        return [.. names.Select(name => new Sample(name, images[name], MaskOf(name)))];

        // The letter case counts only where several masks differ in nothing else.
        string? MaskOf(string name)
        {
            (string Name, string Path)[] found = [.. masks[name]];
            (string Name, string Path)[] exact = [.. found.Where(mask => mask.Name == name)];
            return exact.Length > 0 ? exact[0].Path : found.Length == 1 && !images.ContainsKey(found[0].Name) ? found[0].Path : null;
        }
    }

    private IEnumerable<(string Name, string Path)> ImageFiles(string split)
    {
        (FilePattern images, FilePattern masks) = (Images(split), Masks(split));
        IEnumerable<(string Name, string Path)> files = images.Files(_root);
        // Beside their images, masks are told from them by what their names have more.
        string folder = Path.Combine(_root, masks.Folder);
        return images.Folder == masks.Folder && masks.Fixed > images.Fixed ? files.Where(file => masks.NameOf(folder, file.Path) is null) : files;
    }

    private static Dictionary<string, string> Unique(IEnumerable<(string Name, string Path)> files)
    {
        Dictionary<string, string> images = new(StringComparer.Ordinal);
        foreach ((string name, string path) in files)
        {
            if (!images.TryAdd(name, path))
            {
                throw new UserInputException($"{path}: there is another image of this name, {images[name]}, and the mask belongs to only one; remove or rename one.");
            }
        }

        return images;
    }

    private List<string> Listed(string split, IReadOnlyDictionary<string, string> images)
    {
        string list = Path.Combine(_root, _lists!.Replace(FilePattern.Split, _splits[split], StringComparison.Ordinal));
        if (!File.Exists(list))
        {
            throw new UserInputException($"{list}: the list of the split \"{split}\" does not exist; \"lists\" and \"splits\" of {DatasetDescription.PathIn(_root)} name it.");
        }

        List<string> names = [];
        int number = 0;
        foreach (string line in File.ReadLines(list))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                names.Add(SplitList.NameIn(line, images.ContainsKey)
                    ?? throw new UserInputException($"{list}: line {number}: there is no image of this name; images are {_images}, and a line holds a name or an image's path."));
            }
        }

        return names;
    }

    private FilePattern Images(string split) => new(Filled(_images, split), SplitFiles.ImageExtensions);

    private FilePattern Masks(string split) => new(Filled(_masks, split), SplitFiles.MaskExtensions);

    private string Filled(string pattern, string split) =>
        pattern.Replace(FilePattern.Split, _splits.GetValueOrDefault(split) ?? _splits.GetValueOrDefault(Training, ""), StringComparison.Ordinal);

    private string Hash(string name) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{_seed}/{name}"))));
}
