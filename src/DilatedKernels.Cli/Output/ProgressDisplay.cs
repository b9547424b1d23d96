using System.Diagnostics;
using System.Globalization;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Output;

/// <summary>
/// Live progress on standard error: one line that is written over on a terminal, a plain line every few seconds elsewhere, also on terminals that cannot do that.
/// </summary>
internal sealed class ProgressDisplay
{
    private static readonly TimeSpan TerminalInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);
    private readonly TextWriter _error;
    private readonly Screen _screen;
    private long _last;
    private int _shown;

    private ProgressDisplay(TextWriter error, Screen screen) => (_error, _screen) = (error, screen);

    public static ProgressDisplay For(TextWriter error)
    {
        Screen screen = error is VisibleWriter visible ? visible.Screen : Screen.Elsewhere;
        // A line that is written over begins with a carriage return.
        return new(screen.Rewrites ? ((VisibleWriter)error).Inner : error, screen);
    }

    /// <summary>One that shows nothing before its first interval has passed.</summary>
    public static ProgressDisplay After(TextWriter error)
    {
        ProgressDisplay display = For(error);
        display._last = Stopwatch.GetTimestamp();
        return display;
    }

    public void Training(TrainingProgress progress) => Training("", progress);

    public void Training(string stage, TrainingProgress progress)
    {
        bool important = progress.Validation is not null || progress.Step == progress.Steps || progress.Step == 1;
        string score = progress.Validation is { } matrix
            ? string.Create(CultureInfo.InvariantCulture, $"mean IoU {100 * matrix.MeanIoU:F2} %{(progress.IsBest ? " (best)" : "")}")
            : "";
        Show(
            important,
            stage,
            $"step {progress.Step}/{progress.Steps}",
            score,
            string.Create(CultureInfo.InvariantCulture, $"loss {progress.Loss:F4}"),
            $"{Duration(progress.TimeLeft)} left",
            string.Create(CultureInfo.InvariantCulture, $"{progress.ImagesPerSecond:F1} images/s"),
            progress.Slowest is { } slowest ? string.Create(CultureInfo.InvariantCulture, $"slowest rank {slowest.Rank} on {slowest.Host} {slowest.Time.TotalSeconds:F2} s") : "",
            string.Create(CultureInfo.InvariantCulture, $"lr {progress.LearningRate:G3}"));
        if (progress.Warning is { } warning)
        {
            Finish();
            _error.WriteLine(VisibleWriter.Of($"warning: {warning}"));
        }
    }

    public void Count(string what, int done, int all) =>
        Show(important: done == all, string.Create(CultureInfo.InvariantCulture, $"{what} {done}/{all}"));

    public void Part(int done, int all) =>
        Show(important: false, string.Create(CultureInfo.InvariantCulture, $"part {done}/{all} of the image"));

    /// <summary>Ends a line that is still being written over.</summary>
    public void Finish()
    {
        if (_shown > 0)
        {
            _error.WriteLine();
            _shown = 0;
        }
    }

    public static string Duration(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");

    // What comes first matters most: a narrow terminal gets no more than fits.
    private void Show(bool important, params IEnumerable<string> parts)
    {
        TimeSpan interval = _screen.Rewrites ? TerminalInterval : PlainInterval;
        if (!important && _last != 0 && Stopwatch.GetElapsedTime(_last) < interval)
        {
            return;
        }

        _last = Stopwatch.GetTimestamp();
        string[] shown = [.. parts.Where(part => part.Length > 0).Select(part => _screen.Readable(VisibleWriter.Of(part)))];
        if (!_screen.Rewrites)
        {
            _error.WriteLine(string.Join("  ", shown));
            return;
        }

        // In the last column some terminals begin a new line; and of a line that takes two, only the second is written over.
        int width = Math.Max(1, _screen.Columns - 1);
        string line = string.Join("  ", shown);
        for (int count = shown.Length - 1; line.Length > width && count > 0; count--)
        {
            line = string.Join("  ", shown.Take(count));
        }

        line = line.Length > width ? line[..width] : line;
        _error.Write("\r" + line.PadRight(Math.Min(width, _shown)));
        _shown = line.Length;
        if (important)
        {
            Finish();
        }
    }
}
