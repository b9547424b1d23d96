using System.Diagnostics;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Samples;

/// <summary>A sample as a person starts it: a process of its own.</summary>
internal static class SampleProgram
{
    /// <summary>Runs a sample in a folder.</summary>
    /// <param name="folder">The working folder.</param>
    /// <param name="name">The folder in samples/, in whatever case.</param>
    /// <param name="arguments">Its arguments.</param>
    public static (int Code, string Output, string Error) Run(TemporaryFolder folder, string name, params string[] arguments)
    {
        Assume.That(Path.Combine(AppContext.BaseDirectory, "libcoreclr.so"), Does.Not.Exist, "A bundle brings the tests' runtime, and no dotnet to start the sample with.");
        string program = Directory.GetFiles(AppContext.BaseDirectory, "*.dll").Single(file => Path.GetFileName(file).Equals($"{name}.dll", StringComparison.OrdinalIgnoreCase));
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
