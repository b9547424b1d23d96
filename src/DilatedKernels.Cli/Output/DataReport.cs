using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Cli.Output;

/// <summary>A dataset report as text.</summary>
internal static class DataReport
{
    private const int MostSizes = 10;

    public static void Write(TextWriter output, DatasetReport report, ClassSet classes)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"split {report.Split}: {report.SampleCount} images"));
        WriteSizes(output, report.ImageSizes);

        long all = report.ClassPixels.Sum() + report.VoidPixels;
        string[] names = [.. classes.Names.Select(OneLine.Of)];
        int width = Math.Max(4, names.Max(n => n.Length));
        for (int c = 0; c < classes.Count && all > 0; c++)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {c,3}  {names[c].PadRight(width)}  {100.0 * report.ClassPixels[c] / all,6:F2} %"));
        }

        if (all > 0)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {classes.VoidLabel,3}  {"void".PadRight(width)}  {100.0 * report.VoidPixels / all,6:F2} %"));
        }

        if (report.MeanBgr is { } mean)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  mean pixel (blue, green, red): {mean.B:F2} {mean.G:F2} {mean.R:F2}"));
        }

        foreach (DatasetProblem warning in report.Warnings)
        {
            output.WriteLine($"  note: {warning}");
        }

        // What is said of colours is said once for all splits.
        foreach (DatasetProblem problem in report.Problems.Where(problem => problem != report.ColorProblem))
        {
            output.WriteLine($"  problem: {problem}");
        }
    }

    // Photographs from several sources have a size each: then the most frequent, and between which the others are.
    private static void WriteSizes(TextWriter output, IReadOnlyList<(Size2 Size, int Images)> sizes)
    {
        bool areFew = sizes.Count <= MostSizes;
        (Size2 Size, int Images)[] shown = [.. areFew ? sizes : sizes.OrderByDescending(size => size.Images).Take(MostSizes - 1)];
        foreach ((Size2 size, int images) in shown)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {images,6} of {size.Height}x{size.Width} (height x width)"));
        }

        if (!areFew)
        {
            (Size2 Size, int Images)[] rest = [.. sizes.Except(shown)];
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {rest.Sum(size => size.Images),6} of {rest.Length} other sizes, {rest.Min(size => size.Size.Height)} to {rest.Max(size => size.Size.Height)} high and {rest.Min(size => size.Size.Width)} to {rest.Max(size => size.Size.Width)} wide"));
        }
    }

    /// <summary>Writes the finding about masks that hold colours, if there are any, over all splits.</summary>
    /// <returns>Whether there are.</returns>
    public static bool WriteColors(TextWriter output, DatasetFolder data, IReadOnlyList<DatasetReport> reports)
    {
        IEnumerable<string> places = reports.Select(report => report.ColorProblem?.Path).OfType<string>().Distinct(StringComparer.Ordinal);
        Dictionary<string, MaskColors?> masks = new(StringComparer.Ordinal);
        foreach ((string mask, MaskColors? colors) in reports.SelectMany(report => report.MaskColors))
        {
            masks[mask] = colors;
        }

        DatasetProblem? problem = ColorFinding.Of(data, places, masks);
        if (problem is not null)
        {
            output.WriteLine($"problem: {problem}");
        }

        return problem is not null;
    }
}
