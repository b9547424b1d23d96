using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>What sums over processes take, for a results folder.</summary>
/// <param name="Command">What was typed.</param>
/// <param name="Machine">Where.</param>
/// <param name="Rows">What was measured.</param>
internal sealed record ExchangeReport(string Command, MachineDescription Machine, IReadOnlyList<ExchangeRow> Rows) : ResultsReport(Command, Machine)
{
    public override string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Sums over processes

            {Origin} All processes on this one machine.

            A sum of float32 values in the order of the tree, one part a process, from its begin to its end, nothing else computing: medians of the rounds, and the range. The line is latency +
            bytes / bandwidth with the least squares of relative errors; bytes are those that each process sends.

            {Header}

            """);
        foreach (ExchangeRow row in Rows)
        {
            text.Append(Line(row)).Append('\n');
        }

        text.Append("\n| library | processes | latency, ms | bandwidth, MB/s |\n|---|---:|---:|---:|\n");
        foreach (IGrouping<(string Library, int Processes), ExchangeRow> group in Groups)
        {
            ExchangeFit fit = ExchangeFit.Of(group);
            text.Append(CultureInfo.InvariantCulture, $"| {group.Key.Library} | {group.Key.Processes} | {BenchTable.Format(fit.Latency)} | {fit.MegabytesPerSecond:F0} |\n");
        }

        return text.ToString();
    }

    public static string Line(ExchangeRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {row.Library} | {row.Processes} | {row.Values} | {BenchTable.Format(row.Time.Median)} | {BenchTable.Format(row.Time.Min)} to {BenchTable.Format(row.Time.Max)} | {row.BytesSent / row.Time.Median / 1e3:F0} |");

    private const string Header = """
        | library | processes | values | ms | range | sent by each, MB/s |
        |---|---:|---:|---:|---:|---:|
        """;

    protected override void WriteNumbers(Utf8JsonWriter json)
    {
        json.WriteStartArray("rows");
        foreach (ExchangeRow row in Rows)
        {
            json.WriteStartObject();
            json.WriteString("library", row.Library);
            json.WriteNumber("processes", row.Processes);
            json.WriteNumber("values", row.Values);
            json.WriteNumber("bytes_sent", row.BytesSent);
            WriteArray(json, "ms", row.Milliseconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("lines");
        foreach (IGrouping<(string Library, int Processes), ExchangeRow> group in Groups)
        {
            ExchangeFit fit = ExchangeFit.Of(group);
            json.WriteStartObject();
            json.WriteString("library", group.Key.Library);
            json.WriteNumber("processes", group.Key.Processes);
            json.WriteNumber("latency_ms", fit.Latency);
            json.WriteNumber("megabytes_per_second", fit.MegabytesPerSecond);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    // A line needs two points.
    private IEnumerable<IGrouping<(string Library, int Processes), ExchangeRow>> Groups =>
        Rows.GroupBy(row => (row.Library, row.Processes)).Where(group => group.Key.Processes > 1 && group.Count() > 1);
}
