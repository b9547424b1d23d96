namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// A dataset on disk. Two layouts are recognised:
/// <list type="bullet">
/// <item>VOC: JPEGImages/, SegmentationClass/ with PNG masks, and ImageSets/Segmentation/*.txt with one image name a line;</item>
/// <item>pairs: for each split a folder of images and a folder of PNG masks with the same names, <c>train/</c> and <c>trainannot/</c> or
/// <c>train_labels/</c>.</item>
/// </list>
/// A dataset.json in the folder gives class names, palette, void label and mean colour. The VOC layout can do without: it has the 21 VOC classes then. It can
/// also say where images and masks are, in which case they may lie anywhere below the folder, and that masks hold colours of the palette.
/// </summary>
public sealed class DatasetFolder
{
    private readonly ColorCode? _colors;

    private DatasetFolder(string root, DatasetLayout layout, ClassSet classes, ColorCode? colors) => (Root, Layout, Classes, _colors) = (root, layout, classes, colors);

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>The classes.</summary>
    public ClassSet Classes { get; }

    /// <summary>The names of the splits, in alphabetical order.</summary>
    public IReadOnlyList<string> Splits => Layout.Splits;

    internal DatasetLayout Layout { get; }

    /// <summary>Recognises a dataset and reads its description; images and masks are not touched.</summary>
    /// <param name="root">The folder.</param>
    /// <exception cref="UserInputException">The path is empty, there is no such folder, its layout is not known, or its dataset.json is missing or wrong.</exception>
    public static DatasetFolder Open(string root)
    {
        Existing(root);
        return Guard(root, () =>
        {
            string path = DatasetDescription.PathIn(root);
            DatasetDescription? description = File.Exists(path) ? DatasetDescription.Load(path) : null;
            DatasetLayout layout = description?.Images is null ? DatasetLayout.Detect(root) : new DescribedLayout(root, description);
            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
            ClassSet classes = description?.ToClassSet(path, layout.DefaultClasses, name) ?? layout.DefaultClasses ?? throw new UserInputException(
                $"{path}: the file does not exist. A dataset of image and mask folders needs it to know its classes; a small one is {DatasetDescription.Example}, with the names in the order of the mask values. "
                + $"This writes one with what the masks hold: {Suggestion.Of("check-data", root, "--write-description")}");
            return new DatasetFolder(root, layout, classes, description?.MaskValues == DatasetDescription.Colors ? ColorsOf(path, classes) : null);
        });
    }

    /// <summary>The path itself, if it names a folder.</summary>
    internal static string Existing(string root)
    {
        ArgumentNullException.ThrowIfNull(root);
        if (string.IsNullOrWhiteSpace(root))
        {
            throw new UserInputException("The path of the dataset is empty; name the folder that holds it.");
        }

        if (!Directory.Exists(root))
        {
            throw new UserInputException(File.Exists(root) ? $"{root}: this is a file; a dataset is a folder." : $"{root}: the dataset folder does not exist.");
        }

        return root;
    }

    /// <summary>Whether a folder has one of the layouts, or a description that says where everything is.</summary>
    internal static bool HasKnownLayout(string root) => Guard(root, () =>
    {
        string path = DatasetDescription.PathIn(root);
        return (File.Exists(path) && DatasetDescription.Load(path).Images is not null) || DatasetLayout.TryDetect(root) is not null;
    });

    /// <summary>What to do about a validation split that is not there.</summary>
    internal const string WithoutValidation = " To train without one: --val-split none.";

    /// <summary>Lists the samples of a split in a fixed order: that of the list file, or alphabetical.</summary>
    /// <param name="name">One of <see cref="Splits"/>.</param>
    /// <returns>The samples; images and masks are not opened. A sample whose mask does not exist has no mask path.</returns>
    /// <exception cref="UserInputException">There is no such split, or its list names files outside the dataset.</exception>
    public IReadOnlyList<Sample> Split(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Splits.Contains(name, StringComparer.Ordinal)
            ? Guard(Root, () => _colors is null ? Layout.Samples(name) : [.. Layout.Samples(name).Select(sample => sample with { Colors = _colors })])
            : throw new UserInputException($"{Root}: there is no split \"{name}\"; there are: {string.Join(", ", Splits)}.{(name == DescribedLayout.Validation ? WithoutValidation : "")}");
    }

    private static ColorCode ColorsOf(string path, ClassSet classes) => ColorCode.Own(path, classes)
        ?? throw new UserInputException($"{path}: \"maskValues\" is \"{DatasetDescription.Colors}\", but there is no \"palette\" that says which class has which.");

    private static T Guard<T>(string root, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserInputException($"{root}: the dataset cannot be read: {e.Message}", e);
        }
    }
}
