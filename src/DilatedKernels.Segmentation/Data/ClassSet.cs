using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>The classes of a dataset: their names and colours, the label that means "no class", and the images' mean colour.</summary>
public sealed record ClassSet
{
    /// <summary>Pascal VOC's 21 classes, background first, void 255.</summary>
    public static ClassSet Voc { get; } = new()
    {
        Name = "Pascal VOC",
        Names =
        [
            "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
            "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
        ],
        Palette = Palette.Voc,
        VoidLabel = 255,
        MeanBgr = (102.93, 111.36, 116.52),
    };

    /// <summary>CamVid's 11 classes in the order of Yu and Koltun's table 5, void 255.</summary>
    public static ClassSet CamVid { get; } = new()
    {
        Name = "CamVid",
        Names = ["building", "tree", "sky", "car", "sign", "road", "pedestrian", "fence", "pole", "sidewalk", "bicyclist"],
        Palette = Palette.CamVid,
        VoidLabel = 255,
        MeanBgr = (110.70, 108.78, 105.41),
    };

    /// <summary>Cityscapes' 19 training classes, void 255.</summary>
    public static ClassSet Cityscapes { get; } = new()
    {
        Name = "Cityscapes",
        Names =
        [
            "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain", "sky",
            "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
        ],
        Palette = Palette.Cityscapes,
        VoidLabel = 255,
        MeanBgr = (72.39, 82.91, 73.16),
    };

    /// <summary>The dataset's name, for people.</summary>
    public required string Name { get; init; }

    /// <summary>The class names; the position is the label. 1 to 255 of them.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>The colour of each label, at least one a class.</summary>
    public required Palette Palette { get; init; }

    /// <summary>The label of pixels that belong to no class and count neither in training nor in scores: number of classes to 255.</summary>
    public required int VoidLabel { get; init; }

    /// <summary>The mean blue, green and red of the training images, 0 to 255, that the networks subtract from their input.</summary>
    public required (double B, double G, double R) MeanBgr { get; init; }

    /// <summary>
    /// Whether <see cref="MeanBgr"/> only stands in for a mean that nobody gave: the dataset.json has no meanBgr, and its classes are not
    /// those of Pascal VOC by default. It is VOC's mean then; that of trained weights or of a published network is better.
    /// </summary>
    public bool MeanIsDefault { get; init; }

    /// <summary>Whether <see cref="Palette"/> only stands in for colours that nobody gave, so that it says nothing about colours found in masks.</summary>
    internal bool PaletteIsDefault { get; init; }

    /// <summary>The number of classes.</summary>
    public int Count => Names.Count;

    /// <summary>Whether a mask may hold a label.</summary>
    /// <param name="label">The label.</param>
    public bool Contains(int label) => (label >= 0 && label < Count) || label == VoidLabel;

    internal string DescribeLabels() => $"classes are 0 to {Count - 1} and void is {VoidLabel}";
}
