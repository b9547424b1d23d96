using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Measuring;

/// <summary>Everything that a comparison leaves behind, and the files of its results folder.</summary>
/// <param name="Command">What was run.</param>
/// <param name="Machine">Where.</param>
/// <param name="Peers">The greetings of all sides, the library first.</param>
/// <param name="Rounds">How often all sides took turns.</param>
/// <param name="Seconds">For one side in one round.</param>
/// <param name="Complete">False when it was interrupted.</param>
/// <param name="Notes">What was left out, and why.</param>
/// <param name="Comparisons">What was measured.</param>
public sealed record ComparisonResults(
    string Command, MachineDescription Machine, IReadOnlyList<PeerGreeting> Peers, int Rounds, double Seconds, bool Complete,
    IReadOnlyList<string> Notes, IReadOnlyList<Comparison> Comparisons)
{
    /// <summary>The rows of summary.json.</summary>
    [JsonIgnore]
    public IReadOnlyList<SummaryRow> Summary => [.. Comparisons.Select(c => c.Summarize(Peers[0].Engine, Machine.Commit, Machine.Date)).OfType<SummaryRow>()];

    /// <summary>Who failed at which pass, and how; and who has no such pass, a line for each reason.</summary>
    [JsonIgnore]
    public IEnumerable<string> Missing =>
    [
        .. Silent.Where(s => s.Side.IsError).Select(s => $"{s.Pass}: {s.Side.Engine} failed: {s.Side.Reason}"),
        .. Silent.Where(s => !s.Side.IsError).GroupBy(s => $"{s.Side.Engine}: {s.Side.Reason}", s => s.Pass)
            .Select(g => $"{g.Key} ({(g.Count() > 3 ? string.Create(CultureInfo.InvariantCulture, $"{g.Count()} passes") : string.Join("; ", g))})"),
    ];

    /// <summary>Whether some side failed at what it should have measured.</summary>
    [JsonIgnore]
    public bool HasErrors => Comparisons.Any(c => c.Sides.Any(side => side.IsError));

    private IEnumerable<(string Pass, ComparedSide Side)> Silent => Comparisons.SelectMany(
        c => c.Sides.Where(side => side.Reason is not null), (c, side) => ($"{c.Shape.Name}, {c.Pass}, {c.Type}, {c.Threads} threads", side));

    /// <summary>Writes README.md, raw.json, summary.json and, where there is something to draw, dilation.svg.</summary>
    /// <param name="folder">Made where it does not exist.</param>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        WriteFile("raw.json", JsonSerializer.SerializeToUtf8Bytes(this, ResultsJson.Default.ComparisonResults));
        WriteFile("summary.json", JsonSerializer.SerializeToUtf8Bytes(Summary, ResultsJson.Default.IReadOnlyListSummaryRow));
        byte[]? plot = Plot();
        if (plot is not null)
        {
            WriteFile("dilation.svg", plot);
        }

        WriteFile("README.md", Encoding.UTF8.GetBytes(ReadMe(plot is not null)));

        void WriteFile(string name, byte[] content) => AtomicFile.Write(Path.Combine(folder, name), content is [.., (byte)'\n'] ? content : [.. content, (byte)'\n']);
    }

    /// <summary>The summary as a table of text.</summary>
    public void WriteTable(TextWriter output)
    {
        string[][] rows = [["shape", "pass", "type", "threads", "ours ms", "peer ms", "ratio", "min", "max", "bar", "fastest peer"], .. Summary.Select(Cells)];
        BenchTable.WriteAligned(output, rows, textColumns: 3);
    }

    private static string[] Cells(SummaryRow row) =>
    [
        row.Name, row.Pass, row.Type, row.Threads.ToString(CultureInfo.InvariantCulture), BenchTable.Format(row.OursMs), BenchTable.Format(row.PeerMs),
        Ratio(row.Ratio), Ratio(row.RatioMin), Ratio(row.RatioMax), row.Bar is { } bar ? Ratio(bar) + (row.Ratio >= bar ? "" : " missed") : "", row.Peer,
    ];

    private static string Ratio(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    private byte[]? Plot()
    {
        IEnumerable<(string, int, double)> points = Comparisons.Where(c => c.Shape.Operator == BenchOperator.Conv2d).SelectMany(c =>
        {
            SummaryRow? row = c.Summarize(Peers[0].Engine, "", "");
            string line = $"{BenchPlot.Line(c.Shape, c.Pass, c.Type)}, {c.Threads} thread{(c.Threads == 1 ? "" : "s")}";
            return row is null ? (IEnumerable<(string, int, double)>)[] : [(line + ": ours", c.Shape.Dilation, row.OursMs), (line + ": fastest peer", c.Shape.Dilation, row.PeerMs)];
        });
        return BenchPlot.Draw(points, Machine.Gpu ?? Machine.Processor);
    }

    private string ReadMe(bool hasPlot)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {Machine.Gpu ?? $"{Machine.Processor}, {Machine.Cores} cores"}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"Written by `{Command}` on {Machine.Date} at commit {Machine.Commit}{(Complete ? "" : "; **interrupted**, so not whole")}. Nothing here is typed by hand.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"- {Machine.Processor}, {Machine.Cores} logical processors, {Machine.OperatingSystem}\n");
        foreach (PeerGreeting peer in Peers)
        {
            string details = peer.Details is { Count: > 0 } ? $" ({string.Join(", ", peer.Details.Where(d => d.Value.Length > 0).Select(d => $"{d.Key.Replace('_', ' ')}: {d.Value}"))})" : "";
            text.Append(CultureInfo.InvariantCulture, $"- {peer.Engine} {peer.Version}, {peer.Threads} thread{(peer.Threads == 1 ? "" : "s")}{details}\n");
        }

        foreach (string note in Notes)
        {
            text.Append(CultureInfo.InvariantCulture, $"- {note}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"\nAll sides took turns, {Rounds} rounds of {Seconds} s each. Times are medians of the rounds' medians, ratio = peer / ours (above 1 we are faster),\n");
        text.Append("min and max are those of single rounds, bar is the ratio that is asked for. Every result of ours was checked against double precision before it was timed.\n\n");
        text.Append("| shape | pass | type | threads | ours ms | peer ms | ratio | min | max | bar | fastest peer |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (SummaryRow row in Summary)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", Cells(row))} |\n");
        }

        if (hasPlot)
        {
            text.Append("\n![time over dilation](dilation.svg)\n");
        }

        string[] missing = [.. Missing.Distinct()];
        if (missing.Length > 0)
        {
            text.Append("\nNot measured:\n\n");
            foreach (string line in missing)
            {
                text.Append(CultureInfo.InvariantCulture, $"- {line}\n");
            }
        }

        return text.ToString();
    }
}

/// <summary>JSON without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NewLine = "\n", DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ComparisonResults))]
[JsonSerializable(typeof(IReadOnlyList<SummaryRow>))]
internal sealed partial class ResultsJson : JsonSerializerContext;
