using System.Globalization;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Cli.Output;

/// <summary>A dataset report as text.</summary>
internal static class DataReport
{
    public static void Write(TextWriter output, DatasetReport report, ClassSet classes)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"split {report.Split}: {report.SampleCount} images"));
        foreach ((Size2 size, int images) in report.ImageSizes)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {images,6} of {size.Height}x{size.Width} (height x width)"));
        }

        long all = report.ClassPixels.Sum() + report.VoidPixels;
        int width = Math.Max(4, classes.Names.Max(n => n.Length));
        for (int c = 0; c < classes.Count && all > 0; c++)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {c,3}  {classes.Names[c].PadRight(width)}  {100.0 * report.ClassPixels[c] / all,6:F2} %"));
        }

        if (all > 0)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {classes.VoidLabel,3}  {"void".PadRight(width)}  {100.0 * report.VoidPixels / all,6:F2} %"));
        }

        foreach (DatasetProblem warning in report.Warnings)
        {
            output.WriteLine($"  note: {warning}");
        }

        foreach (DatasetProblem problem in report.Problems)
        {
            output.WriteLine($"  problem: {problem}");
        }
    }
}
