namespace DilatedKernels.Segmentation.Data;

/// <summary>How a dataset's files are arranged.</summary>
internal abstract class DatasetLayout
{
    public abstract IReadOnlyList<string> Splits { get; }

    /// <summary>The classes where no dataset.json names them; null if they must be named.</summary>
    public abstract ClassSet? DefaultClasses { get; }

    /// <summary>The samples of one of <see cref="Splits"/> in a fixed order.</summary>
    public abstract IReadOnlyList<Sample> Samples(string split);

    /// <summary>Where the mask of a sample belongs, whether or not it is there.</summary>
    public abstract string MaskPathFor(string split, Sample sample);

    /// <summary>The folder of a split's masks.</summary>
    public abstract string MaskFolder(string split);

    /// <summary>What is wrong with the split besides its samples.</summary>
    public virtual IEnumerable<DatasetProblem> StrayFiles(string split) => [];

    /// <summary>The files of the split's folders that are not read, in alphabetical order.</summary>
    public abstract IEnumerable<DatasetProblem> SkippedFiles(string split);

    /// <summary>What the known layouts are, as a sentence.</summary>
    public static string Known => "A dataset needs either JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/*.txt (VOC layout), "
        + "or for each split a folder of images and one of masks with the same names, such as train/ and trainannot/ or train/ and train_labels/ (pair layout), "
        + $"or a {DatasetDescription.FileName} whose \"images\" and \"masks\" say where they are.";

    /// <summary>The layout of a folder; null if it is none of the known ones.</summary>
    public static DatasetLayout? TryDetect(string root) => (DatasetLayout?)VocLayout.TryOpen(root) ?? PairLayout.TryOpen(root);

    public static DatasetLayout Detect(string root) => TryDetect(root)
        ?? throw new UserInputException($"{root}: this is no dataset folder of a known layout. {Known} This looks for images and masks in it: {Suggestion.Of("check-data", root)}");
}
