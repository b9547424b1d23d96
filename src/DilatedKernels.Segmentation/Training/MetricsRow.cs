using System.Text.Json;

namespace DilatedKernels.Segmentation.Training;

/// <summary>A row of <c>metrics.jsonl</c>.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">The step's loss.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="ImagesPerSecond">The speed, smoothed.</param>
/// <param name="Time">When the step was done.</param>
/// <param name="Seconds">What the run took so far.</param>
/// <param name="MeanIoU">That of a validation after the step, or null.</param>
internal sealed record MetricsRow(long Step, double Loss, double LearningRate, double ImagesPerSecond, DateTimeOffset Time, double Seconds, double? MeanIoU)
{
    /// <summary>Reads a line; null where it is no whole row.</summary>
    public static MetricsRow? Parse(string line)
    {
        try
        {
            using var row = JsonDocument.Parse(line);
            JsonElement root = row.RootElement;
            return new MetricsRow(
                root.GetProperty("step").GetInt64(),
                root.GetProperty("loss").GetDouble(),
                root.GetProperty("learningRate").GetDouble(),
                root.GetProperty("imagesPerSecond").GetDouble(),
                root.GetProperty("time").GetDateTimeOffset(),
                root.GetProperty("seconds").GetDouble(),
                root.TryGetProperty("meanIoU", out JsonElement meanIoU) && meanIoU.ValueKind == JsonValueKind.Number ? meanIoU.GetDouble() : null);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
