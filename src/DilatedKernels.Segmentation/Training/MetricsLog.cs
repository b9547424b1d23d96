using System.Globalization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// <c>metrics.csv</c>: <c>step,loss,learning_rate,images_per_second,mean_iou</c>, one row a step; mean_iou is empty where no
/// validation was made. A resumed run first drops the rows past its checkpoint, so no step appears twice.
/// </summary>
internal sealed class MetricsLog : IDisposable
{
    private const string Header = "step,loss,learning_rate,images_per_second,mean_iou";
    private readonly StreamWriter _writer;

    private MetricsLog(StreamWriter writer) => _writer = writer;

    public static MetricsLog Open(string path, long stepsDone)
    {
        List<string> rows = [Header];
        if (stepsDone > 0 && File.Exists(path) && FileSize.Of(path) > 0)
        {
            foreach (string line in File.ReadLines(path).Skip(1))
            {
                int comma = line.IndexOf(',', StringComparison.Ordinal);
                if (comma > 0 && line.Count(c => c == ',') == 4
                    && long.TryParse(line.AsSpan(0, comma), NumberStyles.None, CultureInfo.InvariantCulture, out long step) && step <= stepsDone)
                {
                    rows.Add(line);
                }
            }
        }

        string temporary = path + ".tmp";
        File.WriteAllLines(temporary, rows);
        File.Move(temporary, path, overwrite: true);
        return new MetricsLog(new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true, NewLine = "\n" });
    }

    public void Add(TrainingProgress progress)
    {
        double? meanIoU = progress.Validation?.MeanIoU;
        _writer.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Step},{progress.Loss:G9},{progress.LearningRate:G6},{progress.ImagesPerSecond:F2},{(meanIoU is { } value ? value.ToString("F6", CultureInfo.InvariantCulture) : "")}"));
    }

    public void Dispose() => _writer.Dispose();
}
