using System.Diagnostics;
using DilatedKernels.Measuring;

namespace DilatedKernels.Bench;

/// <summary>Runs a program to its end.</summary>
internal static class ProgramOutput
{
    /// <summary>What it wrote on standard output.</summary>
    /// <exception cref="PeerException">It failed.</exception>
    public static string Of(params string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd();
        string text = output.Result;
        process.WaitForExit();
        return process.ExitCode == 0
            ? text
            : throw new PeerException($"{Path.GetFileName(command[0])} {string.Join(' ', command[1..])} ended with exit code {process.ExitCode}: {errors.Trim()}");
    }
}
