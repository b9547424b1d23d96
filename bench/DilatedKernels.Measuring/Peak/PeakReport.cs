using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>The direct convolution as a share of the machine's peak, for a results folder.</summary>
/// <param name="Command">What was typed.</param>
/// <param name="Machine">Where.</param>
/// <param name="Rounds">How often peak and convolution took turns.</param>
/// <param name="Rows">What was measured.</param>
internal sealed record PeakReport(string Command, MachineDescription Machine, int Rounds, IReadOnlyList<PeakRow> Rows) : ResultsReport(Command, Machine)
{
    public override string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Direct convolution and the processor's peak

            `{Command}`, {Machine.Date}, commit {Machine.Commit}: {Machine.Processor}, {Machine.Cores} cores, {Machine.VectorBits}-bit vectors, {Machine.Runtime}, {Machine.OperatingSystem}.

            The peak is a loop of fused multiply-adds on registers alone, by as many threads, in turns with the convolution: medians of {Rounds} rounds, and the range.
            The convolution is the forward pass with bias, by the direct algorithm, packing of the weights included. Its GFLOP count no taps in the padding.
            Shapes without padding have equal outputs, so that their times can be compared: the last column.

            {Header}

            """);
        foreach (PeakRow row in Rows)
        {
            text.Append(Line(row)).Append('\n');
        }

        return text.ToString();
    }

    public string Line(PeakRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {row.Shape.Name} | {row.Threads} | {row.Peak.Median:F1} | {row.Peak.Min:F1} to {row.Peak.Max:F1} | {BenchTable.Format(row.Time.Median)} | {BenchTable.Format(row.Time.Min)} to {BenchTable.Format(row.Time.Max)} | {row.Flops / 1e9:F3} | {row.GigaFlops:F1} | {100 * row.Share:F1} % | {row.OverLeastDilation(Rows):F3} |");

    private const string Header = """
        | shape | threads | peak, GFLOP/s | range | ms | range | GFLOP | GFLOP/s | of the peak | over least dilation |
        |---|---|---|---|---|---|---|---|---|---|
        """;

    protected override void WriteNumbers(Utf8JsonWriter json)
    {
        json.WriteNumber("rounds", Rounds);
        json.WriteStartArray("rows");
        foreach (PeakRow row in Rows)
        {
            json.WriteStartObject();
            json.WriteString("shape", row.Shape.Name);
            json.WriteNumber("threads", row.Threads);
            json.WriteNumber("flops", row.Flops);
            WriteArray(json, "peak_gflops", row.Peaks);
            WriteArray(json, "ms", row.Milliseconds);
            json.WriteNumber("gflops", row.GigaFlops);
            json.WriteNumber("share_of_peak", row.Share);
            if (row.OverLeastDilation(Rows) is { } ratio)
            {
                json.WriteNumber("over_least_dilation", ratio);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
