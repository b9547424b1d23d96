using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>What <c>bench --scaling</c> keeps of its runs in raw.json, and reads from it again.</summary>
internal static class ScalingJson
{
    /// <summary>The runs of a raw.json.</summary>
    public static IReadOnlyList<ScalingRun> Read(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return [.. document.RootElement.GetProperty("runs").EnumerateArray().Select(ReadRun)];
    }

    public static void Write(Utf8JsonWriter json, IEnumerable<ScalingRun> runs)
    {
        json.WriteStartArray("runs");
        foreach (ScalingRun run in runs)
        {
            json.WriteStartObject();
            json.WriteString("library", run.Library);
            json.WriteNumber("processes", run.Processes);
            if (run.Link is { } link)
            {
                json.WriteNumber("megabits_per_second", link.MegabitsPerSecond);
                json.WriteNumber("delay_ms", link.Delay.TotalMilliseconds);
            }

            WriteSums(json, run.Sums);
            WriteAlone(json, run.Alone);
            WriteSteps(json, run.Steps);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteSums(Utf8JsonWriter json, IReadOnlyList<ExchangeRow> sums)
    {
        json.WriteStartArray("sums");
        foreach (ExchangeRow sum in sums)
        {
            json.WriteStartObject();
            json.WriteNumber("values", sum.Values);
            ResultsReport.WriteArray(json, "ms", sum.Milliseconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteAlone(Utf8JsonWriter json, StepProfile alone)
    {
        json.WriteStartObject("alone");
        json.WriteNumber("ms", alone.Milliseconds);
        json.WriteNumber("computed_ms", alone.Computed);
        json.WriteStartArray("sums");
        foreach ((double at, long values) in alone.Sums)
        {
            json.WriteStartObject();
            json.WriteNumber("values", values);
            json.WriteNumber("ms", at);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteSteps(Utf8JsonWriter json, IReadOnlyList<ScalingSteps> all)
    {
        json.WriteStartArray("steps");
        foreach (ScalingSteps steps in all)
        {
            json.WriteStartObject();
            json.WriteBoolean("overlap", steps.Overlaps);
            ResultsReport.WriteArray(json, "ms", steps.Milliseconds);
            ResultsReport.WriteArray(json, "waited_ms", steps.Waited);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static ScalingRun ReadRun(JsonElement run)
    {
        string library = run.GetProperty("library").GetString()!;
        int processes = run.GetProperty("processes").GetInt32();
        Link? link = run.TryGetProperty("megabits_per_second", out JsonElement rate) ? new Link(rate.GetDouble(), TimeSpan.FromMilliseconds(run.GetProperty("delay_ms").GetDouble())) : null;
        JsonElement alone = run.GetProperty("alone");
        return new ScalingRun(
            library, link, processes,
            [.. run.GetProperty("sums").EnumerateArray().Select(sum => new ExchangeRow(library, processes, sum.GetProperty("values").GetInt32(), Numbers(sum, "ms")))],
            new StepProfile(
                alone.GetProperty("ms").GetDouble(),
                [.. alone.GetProperty("sums").EnumerateArray().Select(sum => (sum.GetProperty("ms").GetDouble(), sum.GetProperty("values").GetInt64()))],
                alone.GetProperty("computed_ms").GetDouble()),
            [.. run.GetProperty("steps").EnumerateArray().Select(steps => new ScalingSteps(steps.GetProperty("overlap").GetBoolean(), Numbers(steps, "ms"), Numbers(steps, "waited_ms")))]);
    }

    private static double[] Numbers(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(number => number.GetDouble())];
}
