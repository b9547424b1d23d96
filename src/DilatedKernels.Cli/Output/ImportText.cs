using DilatedKernels.Segmentation.Import;

namespace DilatedKernels.Cli.Output;

/// <summary>What an import did, for people: what came from where, what was left out, what has its initial values.</summary>
internal static class ImportText
{
    public static void Write(TextWriter output, ImportReport report, IReadOnlyList<string> sources, string target)
    {
        for (int i = 0; i < sources.Count; i++)
        {
            output.WriteLine($"{sources[i]}: {report.Kinds[i]}");
        }

        int width = report.Loaded.Max(parameter => parameter.Parameter.Length);
        int sourceWidth = report.Loaded.Max(parameter => parameter.Source.Length);
        output.WriteLine($"loaded ({report.Loaded.Count})");
        foreach (ImportedParameter parameter in report.Loaded)
        {
            output.WriteLine($"  {parameter.Parameter.PadRight(width)}  {parameter.Source.PadRight(sourceWidth)}  {parameter.Change}".TrimEnd());
        }

        WriteList(output, "skipped", [.. report.Skipped.Select(tensor => $"{tensor.Source}: {tensor.Reason}")]);
        WriteList(output, "initialised", report.Initialized);
        WriteList(output, "note", report.Notes);
        output.WriteLine($"written to {target}");
    }

    private static void WriteList(TextWriter output, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count == 0)
        {
            return;
        }

        output.WriteLine($"{title} ({lines.Count})");
        foreach (string line in lines)
        {
            output.WriteLine($"  {line}");
        }
    }
}
