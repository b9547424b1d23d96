using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Data.Finding;

namespace DilatedKernels.Cli.Output;

/// <summary>Says what a folder of no known layout seems to hold, and what makes a dataset of it.</summary>
internal static class FoundReport
{
    private const int ShownOthers = 4;

    public static void Write(TextWriter output, string root, IReadOnlyList<FoundLayout> layouts)
    {
        if (layouts.Count == 0)
        {
            output.WriteLine($"problem: {root}: this is no dataset folder of a known layout, and nothing in it looks like images with masks. {LayoutFinder.Describe(root)} {DatasetLayout.Known}");
            return;
        }

        FoundLayout best = layouts[0];
        output.WriteLine($"{root} has no known layout, but this fits:");
        output.WriteLine($"  images   {best.Images}");
        output.WriteLine($"  masks    {best.Masks}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  pairs    {best.PairCount} of {best.ImageCount} images have a mask"));
        output.WriteLine($"  splits   {Splits(best)}");
        foreach (FoundLayout other in layouts.Skip(1).Take(ShownOthers))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  also     {other.Images} with {other.Masks} ({other.PairCount} pairs)"));
        }

        output.WriteLine($"Written into {DatasetDescription.PathIn(root)}, it lets every verb read the folder as it is.");
        output.WriteLine($"Next: {Suggestion.Of("check-data", root, "--write-description")}");
    }

    private static string Splits(FoundLayout found)
    {
        string names = found.Splits is null ? "none" : string.Join(", ", found.Splits.OrderBy(split => split.Key, StringComparer.Ordinal).Select(split => split.Key == split.Value ? split.Key : $"{split.Key} ({split.Value})"))
            + (found.Lists is null ? "" : $", listed in {found.Lists}");
        string share = string.Create(CultureInfo.InvariantCulture, $"{FoundLayout.ValidationShare:P0}").Replace(" ", "", StringComparison.Ordinal);
        return found.NeedsValidation ? $"{names}; {share} of the {(found.Splits is null ? "" : "training ")}images will be kept for validation" : names;
    }
}
