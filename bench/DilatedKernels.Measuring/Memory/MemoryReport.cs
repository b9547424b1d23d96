using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>The memory of training steps on several sides, for a results folder.</summary>
/// <param name="Command">What was typed.</param>
/// <param name="Machine">Where.</param>
/// <param name="Rows">What was measured; of each shape and thread count, the library first.</param>
internal sealed record MemoryReport(string Command, MachineDescription Machine, IReadOnlyList<MemoryRow> Rows) : ResultsReport(Command, Machine)
{
    public override string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Memory of training steps

            {Origin}

            Every row is a process of its own that makes one network, runs its training step (forward, backward, update) at least eight times, and does nothing else.
            Memory is what Linux counts as resident: before the first tensor, the most there was, and the difference. The last column is another side's difference over ours.

            | step | threads | side | ready, MB | peak, MB | step, MB | over ours |
            |---|---|---|---|---|---|---|

            """);
        foreach (MemoryRow row in Rows)
        {
            text.Append(Line(row)).Append('\n');
        }

        return text.ToString();
    }

    public string Line(MemoryRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {row.Shape} | {row.Threads} | {string.Join(' ', row.Engine, row.Layout).TrimEnd()} | {Megabytes(row.ReadyBytes)} | {Megabytes(row.PeakBytes)} | {Megabytes(row.StepBytes)} | {(Ours(row) == row ? "" : ((double)row.StepBytes / Ours(row).StepBytes).ToString("F2", CultureInfo.InvariantCulture))} |");

    private static string Megabytes(long bytes) => (bytes / 1e6).ToString("F1", CultureInfo.InvariantCulture);

    private MemoryRow Ours(MemoryRow row) => Rows.FirstOrDefault(other => other.Shape == row.Shape && other.Threads == row.Threads) ?? row;

    protected override void WriteNumbers(Utf8JsonWriter json)
    {
        json.WriteStartArray("rows");
        foreach (MemoryRow row in Rows)
        {
            json.WriteStartObject();
            json.WriteString("step", row.Shape);
            json.WriteNumber("threads", row.Threads);
            json.WriteString("engine", row.Engine);
            json.WriteString("layout", row.Layout);
            json.WriteNumber("ready_bytes", row.ReadyBytes);
            json.WriteNumber("peak_bytes", row.PeakBytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
