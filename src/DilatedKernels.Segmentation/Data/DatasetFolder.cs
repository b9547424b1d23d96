namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// A dataset on disk. Two layouts are recognised:
/// <list type="bullet">
/// <item>VOC: JPEGImages/, SegmentationClass/ with PNG masks, and ImageSets/Segmentation/*.txt with one image name a line;</item>
/// <item>pairs: for each split a folder of images and a folder of PNG masks with the same names, <c>train/</c> and <c>trainannot/</c> or
/// <c>train_labels/</c>.</item>
/// </list>
/// A dataset.json in the folder gives class names, palette, void label and mean colour. The VOC layout can do without: it has the 21 VOC classes then.
/// </summary>
public sealed class DatasetFolder
{
    private DatasetFolder(string root, DatasetLayout layout, ClassSet classes) => (Root, Layout, Classes) = (root, layout, classes);

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
        ArgumentNullException.ThrowIfNull(root);
        if (string.IsNullOrWhiteSpace(root))
        {
            throw new UserInputException("The path of the dataset is empty; name the folder that holds it.");
        }

        if (!Directory.Exists(root))
        {
            throw new UserInputException(File.Exists(root) ? $"{root}: this is a file; a dataset is a folder." : $"{root}: the dataset folder does not exist.");
        }

        return Guard(root, () =>
        {
            DatasetLayout layout = DatasetLayout.Detect(root);
            string description = DatasetDescription.PathIn(root);
            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
            ClassSet classes = File.Exists(description)
                ? DatasetDescription.Read(description, layout.DefaultClasses, name)
                : layout.DefaultClasses ?? throw new UserInputException(
                    $"{description}: the file does not exist. A dataset of image and mask folders needs it to know its classes; a small one is {DatasetDescription.Example}, with the names in the order of the mask values.");
            return new DatasetFolder(root, layout, classes);
        });
    }

    /// <summary>Lists the samples of a split in a fixed order: that of the list file, or alphabetical.</summary>
    /// <param name="name">One of <see cref="Splits"/>.</param>
    /// <returns>The samples; images and masks are not opened. A sample whose mask does not exist has no mask path.</returns>
    /// <exception cref="UserInputException">There is no such split, or its list names files outside the dataset.</exception>
    public IReadOnlyList<Sample> Split(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Splits.Contains(name, StringComparer.Ordinal)
            ? Guard(Root, () => Layout.Samples(name))
            : throw new UserInputException($"{Root}: there is no split \"{name}\"; there are: {string.Join(", ", Splits)}.");
    }

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
