using System.Globalization;
using System.Text.RegularExpressions;

namespace DilatedKernels.Build.Kernels;

/// <summary>Reads cuobjdump's listings of a fat binary.</summary>
internal static partial class MachineCode
{
    /// <summary>The instructions of each kernel and architecture, counted by opcode, from <c>cuobjdump --dump-sass</c>.</summary>
    public static Dictionary<(string Kernel, string Architecture), SortedDictionary<string, int>> CountOpcodes(string sass)
    {
        var counts = new Dictionary<(string, string), SortedDictionary<string, int>>();
        string architecture = "";
        SortedDictionary<string, int>? current = null;
        foreach (string line in Lines(sass))
        {
            if (Code().Match(line) is { Success: true } code)
            {
                architecture = code.Groups[1].Value;
            }
            else if (Function().Match(line) is { Success: true } function)
            {
                counts[(function.Groups[1].Value, architecture)] = current = new SortedDictionary<string, int>(StringComparer.Ordinal);
            }
            else if (current is not null && Instruction().Match(line) is { Success: true } instruction)
            {
                string opcode = instruction.Groups[1].Value;
                current[opcode] = current.GetValueOrDefault(opcode) + 1;
            }
        }

        return counts;
    }

    /// <summary>The launch bounds of each kernel and architecture that has any, from <c>cuobjdump --dump-elf</c>.</summary>
    public static Dictionary<(string Kernel, string Architecture), int> ReadMaxThreads(string elf)
    {
        var bounds = new Dictionary<(string, string), int>();
        string architecture = "";
        string kernel = "";
        bool expected = false;
        foreach (string line in Lines(elf))
        {
            if (line.StartsWith("arch = ", StringComparison.Ordinal))
            {
                architecture = line["arch = ".Length..].Trim();
            }
            else if (line.StartsWith(".nv.info.", StringComparison.Ordinal))
            {
                kernel = line[".nv.info.".Length..].Trim();
            }
            else if (line.Contains("Attribute:", StringComparison.Ordinal))
            {
                expected = line.Contains("EIATTR_MAX_THREADS", StringComparison.Ordinal) || line.Contains("EIATTR_REQNTID", StringComparison.Ordinal);
            }
            else if (expected && Extent().Match(line) is { Success: true } extent)
            {
                bounds[(kernel, architecture)] = extent.Groups["n"].Captures.Select(c => int.Parse(c.ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).Aggregate(1, (a, b) => a * b);
                expected = false;
            }
        }

        return bounds;
    }

    private static string[] Lines(string text) => text.ReplaceLineEndings("\n").Split('\n');

    [GeneratedRegex(@"^\s*code for (sm_\w+)")]
    private static partial Regex Code();

    [GeneratedRegex(@"^\s*Function : (\S+)")]
    private static partial Regex Function();

    // /*0040*/  @!P0 LDG.E.128 R4, [R2.64] ;
    [GeneratedRegex(@"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Za-z0-9_.]*)")]
    private static partial Regex Instruction();

    [GeneratedRegex(@"Value:\s+(?:0x(?<n>[0-9a-f]+)\s*){3}$")]
    private static partial Regex Extent();
}
