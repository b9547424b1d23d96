using System.Globalization;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Cli.Output;

/// <summary>Plain text tables for results.</summary>
internal static class Tables
{
    /// <summary>IoU of every class, the mean, and which classes the mean leaves out.</summary>
    public static void WriteScores(TextWriter output, ConfusionMatrix matrix, IReadOnlyList<string> names)
    {
        int width = Math.Max(8, names.Max(n => n.Length));
        for (int c = 0; c < names.Count; c++)
        {
            double iou = matrix.IoU(c);
            output.WriteLine(double.IsNaN(iou)
                ? $"{names[c].PadRight(width)}  absent"
                : string.Create(CultureInfo.InvariantCulture, $"{names[c].PadRight(width)}  {100 * iou,6:F2} %"));
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"mean IoU".PadRight(width)}  {100 * matrix.MeanIoU,6:F2} %"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"accuracy".PadRight(width)}  {100 * matrix.PixelAccuracy,6:F2} %"));
        if (matrix.AbsentClasses.Count > 0)
        {
            output.WriteLine($"Absent from truth and prediction, not in the mean: {string.Join(", ", matrix.AbsentClasses.Select(c => names[c]))}");
        }
    }
}
