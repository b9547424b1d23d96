using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>How long programs take from their start to their end, and how large they are, for a results folder.</summary>
/// <param name="Command">What was typed.</param>
/// <param name="Machine">Where.</param>
/// <param name="About">What the programs are, and what they do.</param>
/// <param name="Rows">What was started.</param>
/// <param name="Sizes">What was weighed.</param>
internal sealed record StartReport(string Command, MachineDescription Machine, string About, IReadOnlyList<StartRow> Rows, IReadOnlyList<StartSize> Sizes) : ResultsReport(Command, Machine)
{
    public override string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # From the start of the process to its end, and sizes

            {Origin}

            Medians of {Rows.Max(row => row.Milliseconds.Count)} runs in turns, after one that does not count, and the range. {About}

            | | | ms | range | budget |
            |---|---|---|---|---|

            """);
        foreach (StartRow row in Rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.What} | {row.Side} | {row.Ms.Median:F0} | {row.Ms.Min:F0} to {row.Ms.Max:F0} | {row.Budget:F0} |\n");
        }

        text.Append("""

            Packages as they are downloaded, for all systems that they carry; deployed is what lies beside a program on this system.

            | | MB | budget |
            |---|---|---|

            """);
        foreach (StartSize size in Sizes)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {size.What} | {size.Bytes / 1e6:F1} | {size.Budget:F0} |\n");
        }

        return text.ToString();
    }

    protected override void WriteNumbers(Utf8JsonWriter json)
    {
        json.WriteStartArray("rows");
        foreach (StartRow row in Rows)
        {
            json.WriteStartObject();
            json.WriteString("what", row.What);
            json.WriteString("side", row.Side);
            WriteBudget(json, "budget_ms", row.Budget);
            WriteArray(json, "ms", row.Milliseconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("sizes");
        foreach (StartSize size in Sizes)
        {
            json.WriteStartObject();
            json.WriteString("what", size.What);
            WriteBudget(json, "budget_mb", size.Budget);
            json.WriteNumber("bytes", size.Bytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteBudget(Utf8JsonWriter json, string name, double? budget)
    {
        if (budget is { } value)
        {
            json.WriteNumber(name, value);
        }
    }
}
