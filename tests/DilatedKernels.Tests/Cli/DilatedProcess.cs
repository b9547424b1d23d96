using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DilatedKernels.Tests.Cli;

/// <summary>The command as a person starts it: a process of its own.</summary>
internal sealed class DilatedProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private const int Interrupt = 2;

    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _error;

    private DilatedProcess(string folder, string[] arguments)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "dilated.dll");
        _process = Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        _output = _process.StandardOutput.ReadToEndAsync();
        _error = _process.StandardError.ReadToEndAsync();
    }

    public sealed record Result(int ExitCode, string Output, string Error);

    /// <summary>Runs the command to its end in a working folder.</summary>
    public static Result Run(string folder, params string[] arguments)
    {
        using DilatedProcess process = Start(folder, arguments);
        return process.Wait();
    }

    public static DilatedProcess Start(string folder, params string[] arguments) => new(folder, arguments);

    public bool HasExited => _process.HasExited;

    /// <summary>What Ctrl-C sends.</summary>
    public void SendInterrupt() => Assert.That(Kill(_process.Id, Interrupt), Is.Zero);

    public Result Wait()
    {
        if (!_process.WaitForExit(Patience))
        {
            _process.Kill(entireProcessTree: true);
            Assert.Fail("The command did not end.");
        }

        return new Result(_process.ExitCode, _output.Result, _error.Result);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
