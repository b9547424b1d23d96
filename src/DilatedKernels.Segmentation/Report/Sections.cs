using System.Globalization;
using System.Text;

namespace DilatedKernels.Segmentation.Report;

/// <summary>What the page of one run and that of several have in common.</summary>
internal static class Sections
{
    private const int PointsALine = 240;
    private const int FewPoints = 400;
    private const int FewestPieces = 40;
    private const int MostPieces = 120;

    /// <summary>Loss, learning rate and mean IoU of all runs, one chart each.</summary>
    public static void Curves(StringBuilder page, IReadOnlyList<RunData> runs)
    {
        page.Append("<section aria-labelledby=\"curves\"><h2 id=\"curves\">Curves</h2><div class=\"charts\">\n");
        // As many steps a point in all runs: lines that are smoothed alike can be compared.
        int longest = runs.Max(run => run.Rows.Count);
        int steps = Math.Max(1, longest / Math.Clamp(longest / 8, FewestPieces, MostPieces));
        string smoothed = steps == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"mean of {steps} steps");
        LineChart.Append(page, "Loss", smoothed, [.. runs.Select((run, i) => Loss(run, i, steps, runs.Count > 1))], Html.Short, Summary("Loss", runs, run => run.Loss));
        LineChart.Append(
            page, "Mean IoU, %", "on validation",
            [.. runs.Select((run, i) => new ChartLine(run.Name, [.. run.Rows.Where(row => row.MeanIoU is not null).Select(row => (row.Step, 100 * row.MeanIoU!.Value))]) { Color = i, IsMarked = true })],
            Html.Short, Summary("Mean IoU in percent", runs, run => 100 * run.MeanIoU));
        LineChart.Append(
            page, "Learning rate", "",
            [.. runs.Select((run, i) => new ChartLine(run.Name, Thinned([.. run.Rows.Select(row => (row.Step, row.LearningRate))])) { Color = i })],
            Html.Short, Summary("Learning rate", runs, run => run.LearningRate));
        page.Append("</div></section>\n");
    }

    /// <summary>The time, speed and memory of a run as pairs of name and text.</summary>
    public static IEnumerable<(string Name, string Text)> Facts(RunData run)
    {
        if (run.Facts is not { } facts)
        {
            yield break;
        }

        yield return ("Device", facts.Device);
        yield return ("Threads", facts.Threads.ToString(CultureInfo.InvariantCulture));
        yield return ("Time", Html.Duration(facts.Seconds));
        yield return ("Images per second", run.Rows.Count == 0 ? "–" : Html.Short(run.Rows[^1].ImagesPerSecond));
        yield return ("Peak memory, tensors", Html.Bytes(facts.PeakTensorBytes));
        yield return ("Peak memory, process", Html.Bytes(facts.PeakProcessBytes));
        yield return ("Parameters", Html.Count(facts.Parameters));
        yield return ("Images", $"{Html.Count(facts.TrainingImages)} for training, {Html.Count(facts.ValidationImages)} for validation");
        yield return ("Ended", facts.Ended.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture));
        yield return ("System", facts.System);
        yield return ("Software", $"DilatedKernels {facts.Version}, {facts.Runtime}");
    }

    // Compact, and without the escapes that JSON has for a page's sake: the page escapes by itself.
    private static ChartLine Loss(RunData run, int color, int steps, bool isOneOfMany)
    {
        (IReadOnlyList<(double, double)> mean, IReadOnlyList<(double, double, double)> band) = LineChart.Smooth([.. run.Rows.Select(row => (row.Step, row.Loss))], steps);
        return new ChartLine(run.Name, mean) { Color = color, Band = isOneOfMany ? [] : band };
    }

    private static IReadOnlyList<(double, double)> Thinned(IReadOnlyList<(double, double)> points) =>
        points.Count <= FewPoints ? points : [.. Enumerable.Range(0, PointsALine + 1).Select(i => points[(int)((long)i * (points.Count - 1) / PointsALine)])];

    private static string Summary(string what, IReadOnlyList<RunData> runs, Func<StepRow, double?> value) => string.Join(
        " ",
        runs.Select(run =>
        {
            StepRow[] rows = [.. run.Rows.Where(row => value(row) is not null)];
            string name = runs.Count > 1 ? $" of {run.Name}" : "";
            return rows.Length == 0
                ? $"{what}{name}: nothing recorded."
                : string.Create(CultureInfo.InvariantCulture, $"{what}{name}: {Html.Short(value(rows[0])!.Value)} at step {rows[0].Step}, {Html.Short(value(rows[^1])!.Value)} at step {rows[^1].Step}.");
        }));
}
