using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>A decoded image and its mask.</summary>
internal sealed record DecodedSample(RgbImage Image, IndexMask Mask)
{
    public long Bytes => Image.Pixels.LongLength + Mask.Indices.LongLength;
}

/// <summary>Decodes samples and checks that image and mask belong together.</summary>
internal static class SampleReader
{
    /// <summary>Decodes a sample for training.</summary>
    /// <exception cref="UserInputException">A file is missing or damaged, the sizes differ, or the mask has labels that are no classes.</exception>
    public static DecodedSample Read(Sample sample, ClassSet classes)
    {
        RgbImage image = ImageFile.Read(sample.ImagePath);
        string maskPath = sample.MaskPath ?? throw new UserInputException($"{sample.ImagePath}: the image has no mask, but training and scoring need one.");
        IndexMask mask = ReadMask(sample);
        string? problem = SizeProblem(sample, image, mask.Width, mask.Height) ?? LabelProblem(mask, Histogram(mask), classes);
        return problem is null ? new DecodedSample(image, mask) : throw new UserInputException($"{maskPath}: {problem}");
    }

    /// <summary>The labels of a sample that has a mask, whether they are stored as indices or as colours.</summary>
    /// <exception cref="ImageFormatException">The mask cannot be read, or holds a colour that stands for nothing.</exception>
    public static IndexMask ReadMask(Sample sample) => sample.Colors is null
        ? MaskFile.Read(sample.MaskPath!)
        : sample.Colors.ToLabels(
            sample.MaskPath!, MaskFile.ReadColors(sample.MaskPath!), unknownLabel: null,
            "add a class with that colour there, or write the masks anew, with such pixels as void: check-data --convert-masks FOLDER --unknown void.").Mask;

    public static long[] Histogram(IndexMask mask)
    {
        // Two tables break the dependency between equal neighbours, which are the rule in masks.
        long[] even = new long[256];
        long[] odd = new long[256];
        byte[] indices = mask.Indices;
        int i = 0;
        for (; i + 1 < indices.Length; i += 2)
        {
            even[indices[i]]++;
            odd[indices[i + 1]]++;
        }

        for (; i < indices.Length; i++)
        {
            even[indices[i]]++;
        }

        for (int value = 0; value < 256; value++)
        {
            even[value] += odd[value];
        }

        return even;
    }

    public static string? SizeProblem(Sample sample, RgbImage image, int width, int height)
        => image.Width == width && image.Height == height
            ? null
            : $"the mask is {width}×{height}, but its image {sample.ImagePath} is {image.Width}×{image.Height} (width×height); they must have the same size.";

    public static string? LabelProblem(IndexMask mask, long[] histogram, ClassSet classes)
    {
        int[] wrong = [.. Enumerable.Range(0, 256).Where(label => histogram[label] > 0 && !classes.Contains(label))];
        if (wrong.Length == 0)
        {
            return null;
        }

        int first = mask.Indices.AsSpan().IndexOfAny(Array.ConvertAll(wrong, label => (byte)label));
        long pixels = wrong.Sum(label => histogram[label]);
        string others = wrong.Length == 1 ? "" : $" (unknown labels in this mask: {string.Join(", ", wrong.Take(8))}{(wrong.Length > 8 ? ", …" : "")})";
        return $"the pixel at x {first % mask.Width}, y {first / mask.Width} has the label {mask.Indices[first]}, and {pixels} of {mask.Indices.Length} pixels have labels that are no class{others}; "
            + $"{classes.DescribeLabels()}. A mask made from colours must hold class numbers, not grey levels.";
    }
}
