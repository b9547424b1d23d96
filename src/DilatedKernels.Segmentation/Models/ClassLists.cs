using System.Globalization;

namespace DilatedKernels.Segmentation.Models;

/// <summary>Class names and colours of the paper's data sets, in the order of their labels.</summary>
internal static class ClassLists
{
    public static IReadOnlyList<string> VocNames { get; } =
    [
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    ];

    public static IReadOnlyList<string> VocPalette { get; } = [.. Enumerable.Range(0, 21).Select(VocColour)];

    /// <summary>CamVid and KITTI.</summary>
    public static IReadOnlyList<string> CamVidNames { get; } =
        ["building", "tree", "sky", "car", "sign", "road", "pedestrian", "fence", "pole", "sidewalk", "bicyclist"];

    public static IReadOnlyList<string> CamVidPalette { get; } =
    [
        "#800000", "#808000", "#808080", "#400080", "#C08080", "#804080", "#404000", "#404080", "#C0C080", "#0000C0", "#0080C0",
    ];

    public static IReadOnlyList<string> CityscapesNames { get; } =
    [
        "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
        "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
    ];

    public static IReadOnlyList<string> CityscapesPalette { get; } =
    [
        "#804080", "#F423E8", "#464646", "#66669C", "#BE9999", "#999999", "#FAAA1E", "#DCDC00", "#6B8E23", "#98FB98",
        "#4682B4", "#DC143C", "#FF0000", "#00008E", "#000046", "#003C64", "#005064", "#0000E6", "#770B20",
    ];

    /// <summary>VOC's colour map: the label's bits, three at a time, go to red, green and blue from the highest bit down.</summary>
    private static string VocColour(int label)
    {
        Span<int> rgb = [0, 0, 0];
        for (int bit = 0; bit < 8; bit++)
        {
            for (int channel = 0; channel < 3; channel++)
            {
                rgb[channel] |= ((label >> ((3 * bit) + channel)) & 1) << (7 - bit);
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"#{rgb[0]:X2}{rgb[1]:X2}{rgb[2]:X2}");
    }
}
