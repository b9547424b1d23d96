using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Pascal VOC's arrangement: JPEGImages/, SegmentationClass/, and one list of names a split in ImageSets/Segmentation/.</summary>
internal sealed class VocLayout : DatasetLayout
{
    private const string Images = "JPEGImages";
    private const string Masks = "SegmentationClass";
    private const int LongestShown = 200;

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
        string list = Path.Combine(_lists, split + ".txt");
        List<(string Name, int Line)> lines = Names(list);
        IReadOnlyList<string> names = [.. lines.Select(line => line.Name)];
        SplitFiles images = new(Path.Combine(_root, Images), SplitFiles.ImageExtensions, names);
        SplitFiles masks = new(Path.Combine(_root, Masks), SplitFiles.MaskExtensions, names);
        var samples = new List<Sample>(lines.Count);
        foreach ((string name, int line) in lines)
        {
            string? image = images.Find(name);
            string? mask = masks.Find(name);
            CheckLinks(list, line, name, Images, image);
            CheckLinks(list, line, name, Masks, mask);
            samples.Add(new Sample(name, image ?? Path.Combine(_root, Images, name + ".jpg"), mask));
        }

        return samples;
    }

    public override string MaskFolder(string split) => Path.Combine(_root, Masks);

    public override string MaskPathFor(string split, Sample sample) => Path.Combine(_root, Masks, sample.Name + ".png");

    public override IEnumerable<DatasetProblem> SkippedFiles(string split)
        => SplitFiles.Skipped(Path.Combine(_root, Images), SplitFiles.ImageExtensions, "images are .jpg, .jpeg or .png files.")
            .Concat(SplitFiles.Skipped(Path.Combine(_root, Masks), SplitFiles.MaskExtensions, "masks are .png files."));

    private static List<(string Name, int Line)> Names(string list)
    {
        List<(string, int)> names = [];
        int number = 0;
        foreach (string line in FileSize.Of(list) == 0 ? [] : File.ReadLines(list))
        {
            number++;
            string name = line.Trim();
            if (name.Length > 0)
            {
                CheckName(list, number, name);
                names.Add((name, number));
            }
        }

        return names;
    }

    /// <summary>
    /// A link that a list's name leads through may point anywhere, as the name itself may not. That the folder of images or of masks is a link is the user's own
    /// arrangement, and so is one from within the dataset to another part of it.
    /// </summary>
    private void CheckLinks(string list, int line, string name, string folder, string? path)
    {
        string inside = Path.Combine(_root, folder);
        if (path is null || !RealPath.IsLinked(inside, path))
        {
            return;
        }

        string real = RealPath.Of(path);
        if (!RealPath.IsWithin(RealPath.Of(inside), real) && !RealPath.IsWithin(RealPath.Of(_root), real))
        {
            throw new UserInputException(
                $"{list}: line {line}: \"{name}\" leads through a link to {real}, outside the dataset; copy the file to {folder}/, or make all of {folder}/ a link to the folder that has it.");
        }
    }

    /// <summary>A list may come from anywhere; it must not make the program read files elsewhere.</summary>
    private static void CheckName(string list, int line, string name)
    {
        string[] parts = name.Split('/', '\\');
        if (Path.IsPathRooted(name) || name.Contains(':', StringComparison.Ordinal) || parts.Any(part => part is "" or "." or "..") || name.Any(char.IsControl))
        {
            string shown = name.Length > LongestShown ? name[..LongestShown] + "..." : name;
            throw new UserInputException($"{list}: line {line}: \"{shown}\" is not a name within the dataset; a line holds an image's name without folder and extension, such as 2007_000032.");
        }
    }
}
