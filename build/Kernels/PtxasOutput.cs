using System.Globalization;
using System.Text.RegularExpressions;

namespace DilatedKernels.Build.Kernels;

/// <summary>Reads what <c>ptxas -v</c> says of each kernel.</summary>
internal static partial class PtxasOutput
{
    /// <summary>The reports in this text, without what only the machine code shows.</summary>
    /// <param name="text">The standard error of nvcc with <c>-Xptxas -v</c>.</param>
    /// <param name="file">The source, for the reports.</param>
    public static List<KernelReport> Parse(string text, string file)
    {
        var reports = new List<KernelReport>();
        HashSet<string> serialized = [.. Serialized().Matches(text).Select(match => match.Groups["name"].Value)];
        KernelReport? current = null;
        bool inEntry = false;
        foreach (string line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            if (Entry().Match(line) is { Success: true } entry)
            {
                current = new KernelReport(entry.Groups["name"].Value, file, entry.Groups["sm"].Value, 0, 0, 0, 0, 0, 0, []);
            }
            else if (Properties().Match(line) is { Success: true } properties)
            {
                // A function that was not inlined has a paragraph of its own between a kernel's lines.
                inEntry = properties.Groups["name"].Value == current?.Name;
            }
            else if (current is not null && inEntry && Stack().Match(line) is { Success: true } stack)
            {
                current = current with { StackBytes = Number(stack, "stack"), SpillStoreBytes = Number(stack, "stores"), SpillLoadBytes = Number(stack, "loads") };
            }
            else if (current is not null && Used().Match(line) is { Success: true } used)
            {
                reports.Add(current with { Registers = Number(used, "registers"), SharedBytes = used.Groups["shared"].Success ? Number(used, "shared") : 0, SerializesProducts = serialized.Contains(current.Name) });
                current = null;
            }
        }

        return reports;
    }

    /// <summary>The text without the lines of <c>ptxas -v</c>: what is left are warnings and errors.</summary>
    public static string WithoutStatistics(string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Where(line => !line.StartsWith("ptxas info", StringComparison.Ordinal) && !Stack().IsMatch(line))).Trim('\n');

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Compiling entry function '(?<name>[^']+)' for '(?<sm>[^']+)'")]
    private static partial Regex Entry();

    [GeneratedRegex(@"Function properties for (?<name>\S+)")]
    private static partial Regex Properties();

    [GeneratedRegex(@"^\s*(?<stack>\d+) bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads")]
    private static partial Regex Stack();

    [GeneratedRegex(@"wgmma\.mma_async instructions are serialized .*in the function '(?<name>[^']+)'")]
    private static partial Regex Serialized();

    [GeneratedRegex(@"Used (?<registers>\d+) registers(.*?\b(?<shared>\d+) bytes smem)?")]
    private static partial Regex Used();
}
