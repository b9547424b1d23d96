using System.Globalization;
using System.Text;
using System.Text.Json;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Training.TensorBoard;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// A run's steps, one row each, for three kinds of reader: <c>metrics.csv</c> (<c>step,loss,learning_rate,images_per_second,mean_iou</c>, the last one empty
/// where no validation was made), <c>metrics.jsonl</c>, which also has the time and what a validation found of each class, and an event file for TensorBoard.
/// A resumed run first drops what is past its checkpoint, so no step appears twice; each file is replaced whole.
/// </summary>
internal sealed class MetricsLog : IDisposable
{
    private const string Header = "step,loss,learning_rate,images_per_second,mean_iou";
    private readonly StreamWriter _csv;
    private readonly StreamWriter _lines;
    private readonly EventFile _events;
    private readonly TimeProvider _clock;
    private readonly long _started;

    private MetricsLog(StreamWriter csv, StreamWriter lines, EventFile events, double secondsBefore, TimeProvider clock)
    {
        (_csv, _lines, _events, SecondsBefore, _clock) = (csv, lines, events, secondsBefore, clock);
        _started = clock.GetTimestamp();
    }

    /// <summary>What the run took up to its checkpoint, without the time that it lay interrupted.</summary>
    public double SecondsBefore { get; }

    /// <summary>What the run took so far.</summary>
    public double Seconds => SecondsBefore + _clock.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Opens a run's files.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="stepsDone">The steps whose rows stay.</param>
    /// <param name="clock">The time.</param>
    public static MetricsLog Open(RunFolder folder, long stepsDone, TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        AtomicFile.Write(folder.MetricsFile, file => Copy(folder.MetricsFile, file, Header, stepsDone, StepOfCsv));
        AtomicFile.Write(folder.MetricsLinesFile, file => Copy(folder.MetricsLinesFile, file, null, stepsDone, StepOfLine));
        StreamWriter? csv = null;
        StreamWriter? lines = null;
        try
        {
            csv = Append(folder.MetricsFile);
            lines = Append(folder.MetricsLinesFile);
            double seconds = 0;
            EventFile events = EventFile.Replace(folder.EventFolder, clock.GetUtcNow(), Kept(folder.MetricsLinesFile, row => seconds = row.Seconds));
            return new MetricsLog(csv, lines, events, seconds, clock);
        }
        catch
        {
            csv?.Dispose();
            lines?.Dispose();
            throw;
        }
    }

    public void Add(TrainingProgress progress)
    {
        DateTimeOffset now = _clock.GetUtcNow();
        double? meanIoU = progress.Validation?.MeanIoU;
        _csv.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Step},{progress.Loss:G9},{progress.LearningRate:G6},{progress.ImagesPerSecond:F2},{(meanIoU is { } value ? value.ToString("F6", CultureInfo.InvariantCulture) : "")}"));
        _lines.WriteLine(ToLine(progress, now, Seconds));
        _events.Add(new EventRow(now, progress.Step, progress.Loss, progress.LearningRate, (float?)meanIoU));
    }

    public void Dispose()
    {
        _csv.Dispose();
        _lines.Dispose();
        _events.Dispose();
    }

    private static StreamWriter Append(string path) =>
        new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true, NewLine = "\n" };

    // A row that a killed process began, or a full disk cut, is not kept.
    private static void Copy(string path, Stream target, string? header, long stepsDone, Func<string, long?> stepOf)
    {
        using var writer = new StreamWriter(target, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        if (header is not null)
        {
            writer.WriteLine(header);
        }

        if (stepsDone <= 0 || !File.Exists(path) || FileSize.Of(path) == 0)
        {
            return;
        }

        long last = 0;
        foreach (string line in File.ReadLines(path))
        {
            if (stepOf(line) is { } step && step > last && step <= stepsDone)
            {
                writer.WriteLine(line);
                last = step;
            }
        }
    }

    private static long? StepOfCsv(string line)
    {
        int comma = line.IndexOf(',', StringComparison.Ordinal);
        return comma > 0 && line.Count(c => c == ',') == 4 && long.TryParse(line.AsSpan(0, comma), NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
    }

    private static long? StepOfLine(string line) => MetricsRow.Parse(line)?.Step;

    private static IEnumerable<EventRow> Kept(string path, Action<MetricsRow> visit)
    {
        foreach (MetricsRow row in File.ReadLines(path).Select(MetricsRow.Parse).OfType<MetricsRow>())
        {
            visit(row);
            yield return new EventRow(row.Time, row.Step, (float)row.Loss, (float)row.LearningRate, (float?)row.MeanIoU);
        }
    }

    private static string ToLine(TrainingProgress progress, DateTimeOffset now, double seconds)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("step", progress.Step);
            json.WriteNumber("loss", progress.Loss);
            json.WriteNumber("learningRate", progress.LearningRate);
            json.WriteNumber("imagesPerSecond", Math.Round(progress.ImagesPerSecond, 2));
            json.WriteString("time", now.UtcDateTime);
            json.WriteNumber("seconds", Math.Round(seconds, 3));
            if (progress.Validation is { } validation)
            {
                Number(json, "meanIoU", validation.MeanIoU);
                Number(json, "pixelAccuracy", validation.PixelAccuracy);
                json.WriteStartArray("iou");
                foreach (double iou in validation.PerClassIoU())
                {
                    Number(json, null, iou);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void Number(Utf8JsonWriter json, string? name, double value)
    {
        if (name is not null)
        {
            json.WritePropertyName(name);
        }

        if (double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
