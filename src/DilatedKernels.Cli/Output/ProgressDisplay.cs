using System.Diagnostics;
using System.Globalization;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Output;

/// <summary>
/// Live progress on standard error: one line that is written over on a terminal, a plain line every few seconds elsewhere.
/// </summary>
internal sealed class ProgressDisplay(TextWriter error, bool isTerminal)
{
    private static readonly TimeSpan TerminalInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);
    private long _last;
    private int _shown;

    public static ProgressDisplay For(TextWriter error)
    {
        // A line that is written over begins with a carriage return.
        TextWriter target = error is VisibleWriter visible ? visible.Inner : error;
        return ReferenceEquals(target, Console.Error) && !Console.IsErrorRedirected ? new(target, isTerminal: true) : new(error, isTerminal: false);
    }

    public void Training(TrainingProgress progress) => Training("", progress);

    public void Training(string stage, TrainingProgress progress)
    {
        bool important = progress.Validation is not null || progress.Step == progress.Steps || progress.Step == 1;
        // First, because a terminal of 80 columns cuts the end off.
        string score = progress.Validation is { } matrix
            ? string.Create(CultureInfo.InvariantCulture, $"  mean IoU {100 * matrix.MeanIoU:F2} %{(progress.IsBest ? " (best)" : "")}")
            : "";
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{(stage.Length > 0 ? stage + "  " : "")}step {progress.Step}/{progress.Steps}{score}  loss {progress.Loss:F4}  lr {progress.LearningRate:G3}  {progress.ImagesPerSecond:F1} images/s  {Duration(progress.TimeLeft)} left");
        Show(line, important);
        if (progress.Warning is { } warning)
        {
            Finish();
            error.WriteLine(VisibleWriter.Of($"warning: {warning}"));
        }
    }

    public void Count(string what, int done, int all) =>
        Show(string.Create(CultureInfo.InvariantCulture, $"{what} {done}/{all}"), important: done == all);

    /// <summary>Ends a line that is still being written over.</summary>
    public void Finish()
    {
        if (_shown > 0)
        {
            error.WriteLine();
            _shown = 0;
        }
    }

    public static string Duration(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");

    private void Show(string line, bool important)
    {
        TimeSpan interval = isTerminal ? TerminalInterval : PlainInterval;
        if (!important && _last != 0 && Stopwatch.GetElapsedTime(_last) < interval)
        {
            return;
        }

        _last = Stopwatch.GetTimestamp();
        line = VisibleWriter.Of(line);
        if (!isTerminal)
        {
            error.WriteLine(line);
            return;
        }

        int width = Math.Max(20, Console.WindowWidth - 1);
        string cut = line.Length > width ? line[..width] : line;
        error.Write("\r" + cut.PadRight(Math.Min(width, _shown)));
        _shown = cut.Length;
        if (important)
        {
            Finish();
        }
    }
}
