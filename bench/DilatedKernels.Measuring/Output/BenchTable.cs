using System.Globalization;

namespace DilatedKernels.Measuring;

/// <summary>Measurements as plain text.</summary>
public static class BenchTable
{
    /// <summary>Writes a row for every measurement, and where shapes differ in dilation alone, the time over that of the least dilation.</summary>
    public static void Write(TextWriter output, IReadOnlyList<Measurement> measurements)
    {
        ArgumentNullException.ThrowIfNull(output);
        string[][] rows = [["shape", "pass", "median ms", "min", "max", "samples", "GFLOP/s", "over least dilation"], .. measurements.Select(m => Row(m, measurements))];
        WriteAligned(output, rows, textColumns: 2);
    }

    /// <summary>Columns as wide as their widest cell; the first few to the left, numbers to the right; empty last columns are left out.</summary>
    internal static void WriteAligned(TextWriter output, string[][] rows, int textColumns)
    {
        int columns = rows[0].Length;
        while (columns > 1 && rows.Skip(1).All(row => row[columns - 1].Length == 0))
        {
            columns--;
        }

        int[] widths = [.. Enumerable.Range(0, columns).Select(c => rows.Max(row => row[c].Length))];
        foreach (string[] row in rows)
        {
            output.WriteLine(string.Join("  ", row.Take(columns).Select((cell, c) => c < textColumns ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]))).TrimEnd());
        }
    }

    /// <summary>A time in milliseconds with four significant digits.</summary>
    internal static string Format(double milliseconds)
    {
        int digits = milliseconds <= 0 ? 4 : Math.Clamp(3 - (int)Math.Floor(Math.Log10(milliseconds)), 0, 6);
        return milliseconds.ToString($"F{digits}", CultureInfo.InvariantCulture);
    }

    /// <summary>The time over that of the same convolution at the least dilation measured, where outputs are equal; null for others and for that one.</summary>
    internal static double? OverLeastDilation(Measurement measurement, IEnumerable<Measurement> all)
    {
        Measurement least = all.Where(other => SameButDilation(measurement, other)).MinBy(other => other.Shape.Dilation) ?? measurement;
        return least.Shape.Dilation < measurement.Shape.Dilation ? measurement.Time.Median / least.Time.Median : null;
    }

    private static bool SameButDilation(Measurement a, Measurement b) =>
        a.Shape.Operator == BenchOperator.Conv2d && b.Shape.Operator == BenchOperator.Conv2d && a.Pass == b.Pass && a.Type == b.Type
        && a.Shape.Convolution with { DilationH = 0, DilationW = 0, InHeight = 0, InWidth = 0 } == b.Shape.Convolution with { DilationH = 0, DilationW = 0, InHeight = 0, InWidth = 0 }
        && a.Shape.Convolution.OutShape == b.Shape.Convolution.OutShape;

    private static string[] Row(Measurement m, IReadOnlyList<Measurement> all) =>
    [
        m.Shape.Name, m.Pass, Format(m.Time.Median), Format(m.Time.Min), Format(m.Time.Max), m.Time.Count.ToString(CultureInfo.InvariantCulture),
        m.GigaFlops is { } speed ? speed.ToString("F1", CultureInfo.InvariantCulture) : "",
        OverLeastDilation(m, all) is { } ratio ? ratio.ToString("F3", CultureInfo.InvariantCulture) : "",
    ];
}
