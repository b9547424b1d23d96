using System.Xml.Linq;

namespace DilatedKernels.Build;

/// <summary>
/// Runs the tests and counts them. All of them run as two processes side by side: those that start programs, and often wait for them, and those that compute by themselves. Within each half one test follows the
/// other.
/// </summary>
/// <param name="program">The file of the test program.</param>
/// <param name="folder">Where its reports go.</param>
internal sealed class TestProgram(string program, string folder)
{
    private const string Tests = "FullyQualifiedName~DilatedKernels.Tests.";
    private const string Others = "tests-computing";

    // The folders of the tests that start programs.
    private static readonly string[] s_starting = ["Build", "Cli", "Distributed", "Docs", "Samples"];

    /// <param name="extra">Arguments of the test program.</param>
    /// <returns>The exit code.</returns>
    public int Run(string[] extra)
    {
        Directory.CreateDirectory(folder);
        if (extra.Any(argument => argument != "--no-ansi") || Environment.ProcessorCount < 2)
        {
            return Summarize(Start("tests", extra));
        }

        string starting = string.Join('|', s_starting.Select(tests => $"{Tests}{tests}."));
        string computing = string.Join('&', s_starting.Select(tests => $"{Tests}{tests}.".Replace("~", "!~", StringComparison.Ordinal)));
        string[] others = Arguments(Others, ["--no-ansi", "--progress", "off", "--filter", computing]);
        Task<CommandOutput> beside = Task.Run(() => Command.Capture("dotnet", others));
        Part shown = Start("tests", ["--filter", starting, .. extra]);
        if (!beside.IsCompleted)
        {
            Console.WriteLine("The tests that start programs are done; those that compute by themselves, which run beside them, are not yet.");
        }

        Console.Write(beside.Result.Output);
        Console.Error.Write(beside.Result.Error);
        return Summarize(shown, new Part(Report(Others), beside.Result.ExitCode));
    }

    private Part Start(string name, string[] extra) => new(Report(name), Command.Run("dotnet", Arguments(name, extra)));

    private string[] Arguments(string name, string[] extra)
    {
        File.Delete(Report(name));
        return
        [
            program, "--settings", "tests/DilatedKernels.Tests/tests.runsettings",
            "--report-trx", "--report-trx-filename", Path.GetFileName(Report(name)), "--results-directory", folder,
            .. extra,
        ];
    }

    private string Report(string name) => Path.Combine(folder, $"{name}.trx");

    private static int Summarize(params Part[] parts)
    {
        int code = parts.Select(part => part.ExitCode).FirstOrDefault(c => c != 0);
        foreach (Part silent in parts.Where(part => part.ExitCode != 0 && !File.Exists(part.Report)))
        {
            Console.Error.WriteLine($"The test program ended with exit code {silent.ExitCode} and wrote no report.");
        }

        // A listing such as --help ends well without a report.
        (int ExitCode, Totals Totals)[] reported = [.. parts.Where(part => File.Exists(part.Report)).Select(part => (part.ExitCode, ReadTotals(part.Report)))];
        if (reported.Length == 0)
        {
            return code;
        }

        Totals[] totals = [.. reported.Select(part => part.Totals)];
        foreach (IGrouping<string, string> reason in totals.SelectMany(t => t.Skipped).GroupBy(r => r).OrderByDescending(r => r.Count()))
        {
            Console.WriteLine($"{reason.Count()} skipped: {reason.Key}");
        }

        Console.WriteLine($"{totals.Sum(t => t.Passed)} passed, {totals.Sum(t => t.Failed)} failed, {totals.Sum(t => t.Skipped.Length)} skipped");
        foreach ((int ended, _) in reported.Where(part => part.ExitCode != 0 && part.Totals.Failed == 0))
        {
            Console.Error.WriteLine($"The test program ended with exit code {ended}: it crashed or was stopped, and not every test ran.");
        }

        return code == 0 && totals.Any(t => t.Failed > 0) ? 1 : code;
    }

    // Of each skipped test its reason, one line, without NUnit's word on where the test was skipped.
    private static Totals ReadTotals(string report)
    {
        XNamespace trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
        (string Outcome, string Reason)[] tests = [.. XDocument.Load(report).Descendants(trx + "UnitTestResult")
            .Select(r => ((string?)r.Attribute("outcome") ?? "", (string?)r.Descendants(trx + "Message").FirstOrDefault() ?? "no reason given"))];
        int passed = tests.Count(t => t.Outcome == "Passed");
        string[] skipped = [.. tests.Where(t => t.Outcome is "NotExecuted" or "Inconclusive")
            .Select(t => t.Reason.Split('\n')[0].Replace("OneTimeSetUp:", "", StringComparison.Ordinal).Replace("SetUp :", "", StringComparison.Ordinal).Trim())];
        return new Totals(passed, tests.Length - passed - skipped.Length, skipped);
    }

    private sealed record Part(string Report, int ExitCode);

    private sealed record Totals(int Passed, int Failed, string[] Skipped);
}
