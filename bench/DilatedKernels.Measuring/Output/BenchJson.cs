using System.Text.Json;
using System.Text.Json.Serialization;

namespace DilatedKernels.Measuring;

/// <summary>What <c>dilated bench --json</c> writes.</summary>
/// <param name="Machine">Where it was measured.</param>
/// <param name="Device">Which device of it.</param>
/// <param name="Threads">Of the processor.</param>
/// <param name="Clock">How time was taken.</param>
/// <param name="Complete">False when it was interrupted, or a pass failed.</param>
/// <param name="Measurements">What was measured.</param>
public sealed record BenchReport(MachineDescription Machine, string Device, int Threads, string Clock, bool Complete, IReadOnlyList<BenchReportRow> Measurements)
{
    /// <summary>How a GPU multiplied float32, where not by multiply-adds.</summary>
    public string? Float32 { get; init; }

    /// <summary>The folder of what was measured of convolutions' tiles, or null where they were chosen by plan.</summary>
    public string? Tuning { get; init; }

    /// <summary>The report as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, MeasuringJson.Default.BenchReport) + "\n";
}

/// <summary>One row of a <see cref="BenchReport"/>.</summary>
public sealed record BenchReportRow(
    string Name, string Pass, string Type, int Dilation, double MedianMs, double MinMs, double MaxMs, double? GigaFlops, double? OverLeastDilation, IReadOnlyList<double> SamplesMs)
{
    /// <summary>Why a GPU's driver was called kernel by kernel; null where a CUDA graph was replayed, and on the processor.</summary>
    public string? WhyNotRecorded { get; init; }

    /// <summary>The rows of measurements.</summary>
    public static IReadOnlyList<BenchReportRow> Of(IReadOnlyList<Measurement> measurements) =>
    [
        .. measurements.Select(m => new BenchReportRow(
            m.Shape.Name, m.Pass, m.Type, m.Shape.Dilation, m.Time.Median, m.Time.Min, m.Time.Max, m.GigaFlops, BenchTable.OverLeastDilation(m, measurements), m.Milliseconds)
        {
            WhyNotRecorded = m.WhyNotRecorded is { Length: > 0 } reason ? reason : null,
        }),
    ];
}

/// <summary>JSON without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NewLine = "\n", DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class MeasuringJson : JsonSerializerContext;
