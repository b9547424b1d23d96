using System.Diagnostics;
using DilatedKernels.Build;

namespace DilatedKernels.Mutation;

/// <summary>
/// A copy of the built tests in which one assembly is replaced. Each mutant gets a process of its own: one that writes past a buffer cannot spoil what is found out about the
/// next. Of the tests' devices the processor alone is asked, and not the CUDA kernels on it: no mutant is in them, and they take a hundred times as long.
/// </summary>
internal sealed class TestProgram
{
    private const int TestsFailed = 2;
    private const int NoTests = 8;

    private readonly string _folder;
    private readonly Dictionary<string, (TimeSpan Processor, TimeSpan Clock)> _unchanged = [];

    public TestProgram(string built, string folder)
    {
        _folder = Path.GetFullPath(folder);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        foreach (string file in Directory.EnumerateFiles(built, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(folder, Path.GetRelativePath(built, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        File.WriteAllText(Path.Combine(folder, "mutation.runsettings"), "<RunSettings><NUnit><StopOnError>true</StopOnError></NUnit></RunSettings>");
    }

    /// <summary>Runs the tests of one filter after another with the assembly in place, until one fails.</summary>
    public Outcome Test(string assembly, byte[] changed, IEnumerable<string> filters)
    {
        string path = Path.Combine(_folder, assembly);
        byte[] original = File.ReadAllBytes(path);
        foreach (string filter in filters)
        {
            (TimeSpan, TimeSpan) usual = Unchanged(filter);
            File.WriteAllBytes(path, changed);
            (int? code, _, _) = Run(filter, usual);
            File.WriteAllBytes(path, original);
            if (code != 0)
            {
                return code is null ? Outcome.TimedOut : Outcome.Killed;
            }
        }

        return Outcome.Survived;
    }

    private (TimeSpan Processor, TimeSpan Clock) Unchanged(string filter)
    {
        if (!_unchanged.TryGetValue(filter, out (TimeSpan, TimeSpan) times))
        {
            (int? code, TimeSpan processor, TimeSpan clock) = Run(filter, null);
            times = (processor, clock);
            _unchanged[filter] = code == 0 ? times : throw new BuildException($"The tests '{filter}' end with {code} before anything is changed ({TestsFailed} is a failure, {NoTests} no tests).");
        }

        return times;
    }

    // The limit is on processor time, which other programs on the machine do not lengthen; the one on the clock is for mutants that wait.
    private (int? Code, TimeSpan Processor, TimeSpan Clock) Run(string filter, (TimeSpan Processor, TimeSpan Clock)? unchanged)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(_folder, "DilatedKernels.Tests.dll"), "--filter", $"({filter})&FullyQualifiedName!~host", "--settings", Path.Combine(_folder, "mutation.runsettings"), "--progress", "off"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        var clock = Stopwatch.StartNew();
        using Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        TimeSpan processor = TimeSpan.Zero;
        while (!process.WaitForExit(100))
        {
            processor = ProcessorTime(process) ?? processor;
            if (unchanged is { } usual && (processor > (4 * usual.Processor) + TimeSpan.FromSeconds(10) || clock.Elapsed > (10 * usual.Clock) + TimeSpan.FromSeconds(60)))
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
                return (null, processor, clock.Elapsed);
            }
        }

        return (process.ExitCode, processor, clock.Elapsed);
    }

    private static TimeSpan? ProcessorTime(Process process)
    {
        try
        {
            return process.TotalProcessorTime;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return null; // It ended just now.
        }
    }
}
