using System.Diagnostics;
using System.Text.RegularExpressions;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

/// <summary>What the compiler makes of a method.</summary>
internal static partial class JitListing
{
    /// <summary>The machine code of every instance of a method, from a process of its own that runs a test which calls them.</summary>
    /// <param name="method">As DOTNET_JitDisasm takes it.</param>
    /// <param name="test">The name of the test.</param>
    /// <param name="avx512">Whether the process may use AVX-512.</param>
    public static string[] Of(string method, string test, bool avx512)
    {
        string file = Path.GetTempFileName();
        try
        {
            string program = Environment.ProcessPath!;
            var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
            if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            {
                start.ArgumentList.Add(typeof(JitListing).Assembly.Location);
            }

            start.ArgumentList.Add("--filter");
            start.ArgumentList.Add($"FullyQualifiedName~{test}");
            start.Environment["DOTNET_JitStdOutFile"] = file;
            start.Environment["DOTNET_JitDisasm"] = method;
            start.Environment["DOTNET_EnableAVX512"] = avx512 ? "1" : "0";
            using Process process = Process.Start(start)!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, output);
            return File.ReadAllText(file).Split("; Assembly listing for method ", StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            File.Delete(file);
        }
    }

    public static bool HasVectorOnStack(string listing) => StackAccess().IsMatch(listing);

    [GeneratedRegex(@"[xyz]mmword ptr \[r(sp|bp)")]
    private static partial Regex StackAccess();
}
