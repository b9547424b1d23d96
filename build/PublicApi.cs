using System.Text.Json;

namespace DilatedKernels.Build;

/// <summary>The verb `api`: writes what each library's public API has beyond its last release, which the compiler then holds the sources to.</summary>
internal static class PublicApi
{
    private const string NotListed = "RS0016";
    private static readonly string[] Projects = ["src/DilatedKernels", "src/DilatedKernels.Segmentation"];

    public static int Run(string[] arguments)
    {
        if (arguments.Length > 0)
        {
            Console.Error.WriteLine($"'api' takes no arguments, not '{string.Join(' ', arguments)}'.");
            return 2;
        }

        string log = Path.Combine(Path.GetTempPath(), $"dilatedkernels-api-{Environment.ProcessId}.json");
        foreach (string project in Projects)
        {
            string list = Path.Combine(project, "PublicAPI.Unshipped.txt");
            string before = File.ReadAllText(list);
            try
            {
                // With nothing in the list the compiler names everything that belongs there.
                File.WriteAllText(list, "#nullable enable\n");
                int code = Command.Run("dotnet",
                [
                    "msbuild", project, "-restore", "-target:Rebuild", "-property:Configuration=Release", "-property:BuildProjectReferences=false", "-property:TreatWarningsAsErrors=false",
                    $"-property:ErrorLog={log}%2cversion=2.1", "-nologo", "-verbosity:quiet", "-consoleLoggerParameters:ErrorsOnly",
                ]);
                if (code != 0)
                {
                    File.WriteAllText(list, before);
                    return code;
                }

                string[] names = [.. ReadNames(log).Distinct().Order(StringComparer.Ordinal)];
                File.WriteAllText(list, string.Join('\n', names.Prepend("#nullable enable")) + "\n");
                Console.WriteLine($"{list}: {names.Length} declarations.");
            }
            finally
            {
                File.Delete(log);
            }
        }

        return 0;
    }

    private static IEnumerable<string> ReadNames(string log)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(log));
        foreach (JsonElement result in document.RootElement.GetProperty("runs")[0].GetProperty("results").EnumerateArray())
        {
            if (result.GetProperty("ruleId").GetString() == NotListed)
            {
                yield return result.GetProperty("properties").GetProperty("customProperties").GetProperty("APIName").GetString()!;
            }
        }
    }
}
