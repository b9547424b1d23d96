using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Pascal VOC's arrangement: JPEGImages/, SegmentationClass/, and one list of names a split in ImageSets/Segmentation/.</summary>
internal sealed class VocLayout : DatasetLayout
{
    private const string Images = "JPEGImages";
    private const string Masks = "SegmentationClass";

    private readonly string _root;
    private readonly string _lists;

    private VocLayout(string root, string lists)
    {
        (_root, _lists) = (root, lists);
        Splits = [.. Directory.EnumerateFiles(lists, "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];
    }

    public override IReadOnlyList<string> Splits { get; }

    public override ClassSet? DefaultClasses => ClassSet.Voc;

    public static VocLayout? TryOpen(string root)
    {
        string lists = Path.Combine(root, "ImageSets", "Segmentation");
        string[] folders = [Path.Combine(root, Images), Path.Combine(root, Masks), lists];
        string[] missing = [.. folders.Where(folder => !Directory.Exists(folder))];
        if (missing.Length == 0)
        {
            VocLayout layout = new(root, lists);
            return layout.Splits.Count > 0 ? layout : throw new UserInputException($"{lists}: the folder has no split list; each split is a text file such as train.txt with one image name a line.");
        }

        // JPEGImages/ alone says which layout was meant.
        return Directory.Exists(folders[0])
            ? throw new UserInputException($"{root}: the dataset has {Images}/, so it is in VOC layout, but these folders are missing: {string.Join(", ", missing)}.")
            : null;
    }

    public override IReadOnlyList<Sample> Samples(string split)
    {
        IReadOnlyList<string> names = Names(Path.Combine(_lists, split + ".txt"));
        SplitFiles images = new(Path.Combine(_root, Images), SplitFiles.ImageExtensions, names);
        SplitFiles masks = new(Path.Combine(_root, Masks), SplitFiles.MaskExtensions, names);
        return [.. names.Select(name => new Sample(name, images.Find(name) ?? Path.Combine(_root, Images, name + ".jpg"), masks.Find(name)))];
    }

    public override string MaskPathFor(string split, Sample sample) => Path.Combine(_root, Masks, sample.Name + ".png");

    public override IEnumerable<DatasetProblem> SkippedFiles(string split)
        => SplitFiles.Skipped(Path.Combine(_root, Images), SplitFiles.ImageExtensions, "images are .jpg, .jpeg or .png files.")
            .Concat(SplitFiles.Skipped(Path.Combine(_root, Masks), SplitFiles.MaskExtensions, "masks are .png files."));

    private static List<string> Names(string list)
    {
        List<string> names = [];
        int number = 0;
        foreach (string line in FileSize.Of(list) == 0 ? [] : File.ReadLines(list))
        {
            number++;
            string name = line.Trim();
            if (name.Length > 0)
            {
                CheckName(list, number, name);
                names.Add(name);
            }
        }

        return names;
    }

    /// <summary>A list may come from anywhere; it must not make the program read files elsewhere.</summary>
    private static void CheckName(string list, int line, string name)
    {
        string[] parts = name.Split('/', '\\');
        if (Path.IsPathRooted(name) || name.Contains(':', StringComparison.Ordinal) || parts.Any(part => part is "" or "." or "..") || name.Any(char.IsControl))
        {
            throw new UserInputException($"{list}: line {line}: \"{name}\" is not a name within the dataset; a line holds an image's name without folder and extension, such as 2007_000032.");
        }
    }
}
