using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Cli.Output;

/// <summary>Plain text tables for results.</summary>
internal static class Tables
{
    /// <summary>Rows of cells, the first of them the header, as columns; on a terminal that is too narrow for all, without some.</summary>
    /// <param name="output">Where they go.</param>
    /// <param name="rows">Rows of one length.</param>
    /// <param name="leftAligned">How many columns, from the first, begin at their left side.</param>
    /// <param name="lessNeeded">The columns that can be missed, the first of them most easily.</param>
    public static void Write(TextWriter output, IReadOnlyList<string[]> rows, int leftAligned, params string[] lessNeeded)
    {
        int[] widths = [.. rows[0].Select((_, column) => rows.Max(row => row[column].Length))];
        List<int> columns = [.. Enumerable.Range(0, widths.Length)];
        int most = output is VisibleWriter { Screen: { IsTerminal: true } screen } ? screen.Width : int.MaxValue;
        var left = new List<string>();
        foreach (string name in lessNeeded.OrderByDescending(IsEmpty).TakeWhile(_ => Total() > most))
        {
            columns.Remove(Array.IndexOf(rows[0], name));
            left.Add(name);
        }

        foreach (string[] row in rows)
        {
            output.WriteLine(string.Join("  ", columns.Select(column => column < leftAligned ? row[column].PadRight(widths[column]) : row[column].PadLeft(widths[column]))).TrimEnd());
        }

        if (left.Count > 0)
        {
            output.WriteLine($"(a wider terminal, a file and --json have {string.Join(", ", left)}, too)");
        }

        bool IsEmpty(string name) => rows.Skip(1).All(row => row[Array.IndexOf(rows[0], name)].Length == 0);

        int Total() => columns.Sum(column => widths[column] + 2) - 2;
    }

    /// <summary>IoU of every class, the mean, and which classes the mean leaves out.</summary>
    public static void WriteScores(TextWriter output, ConfusionMatrix matrix, IReadOnlyList<string> names)
    {
        names = [.. names.Select(OneLine.Of)];
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
