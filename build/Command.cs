using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace DilatedKernels.Build;

/// <summary>What a program said, and how it ended.</summary>
internal readonly record struct CommandOutput(int ExitCode, string Output, string Error);

/// <summary>Starts other programs.</summary>
internal static class Command
{
    private static volatile bool s_isTerminated;

    /// <summary>Runs a program on this console. Ctrl-C reaches it from the terminal, so this one only has to wait; SIGTERM is handed on.</summary>
    public static int Run(string program, IEnumerable<string> arguments, string? folder = null)
    {
        ProcessStartInfo start = Start(program, arguments);
        start.WorkingDirectory = folder ?? "";

        ConsoleCancelEventHandler wait = (_, e) => e.Cancel = true;
        Console.CancelKeyPress += wait;
        try
        {
            using Process process = Process.Start(start)!;
            using PosixSignalRegistration? terminate = PassTerminationTo(process);
            process.WaitForExit();
            return process.ExitCode;
        }
        finally
        {
            Console.CancelKeyPress -= wait;
        }
    }

    /// <summary>Runs a program without a console and returns what it wrote. SIGTERM is handed on.</summary>
    /// <exception cref="TerminatedException">SIGTERM came: what the program wrote says nothing.</exception>
    public static CommandOutput Capture(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = Start(program, arguments);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.StandardOutputEncoding = Encoding.UTF8;
        start.StandardErrorEncoding = Encoding.UTF8;
        using Process process = Process.Start(start)!;
        using PosixSignalRegistration? terminate = PassTerminationTo(process);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        ThrowIfTerminated();
        return new CommandOutput(process.ExitCode, output, error.Result);
    }

    private static PosixSignalRegistration? PassTerminationTo(Process process) => OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
    {
        context.Cancel = true;
        s_isTerminated = true;
        _ = Unix.Kill(process.Id, Unix.Terminate);
    });

    private static void ThrowIfTerminated()
    {
        if (s_isTerminated)
        {
            throw new TerminatedException();
        }
    }

    /// <summary>The path of a program as the shell would find it, or null. A name with a folder in it is taken as it is.</summary>
    public static string? Find(string program)
    {
        if (Path.GetFileName(program) != program)
        {
            return File.Exists(program) ? Path.GetFullPath(program) : null;
        }

        string[] endings = OperatingSystem.IsWindows() ? [".exe", ".cmd", ""] : [""];
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.SelectMany(folder => endings.Select(ending => Path.Combine(folder, program + ending))).FirstOrDefault(File.Exists);
    }

    private static ProcessStartInfo Start(string program, IEnumerable<string> arguments)
    {
        ThrowIfTerminated();
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        return start;
    }

    private static class Unix
    {
        public const int Terminate = 15;

        [DllImport("libc", EntryPoint = "kill")]
        public static extern int Kill(int process, int signal);
    }
}

/// <summary>SIGTERM has come, and reached a program that this one had started; no other is started.</summary>
internal sealed class TerminatedException() : Exception("Terminated.");

/// <summary>Something that the user can put right; the message says what and how.</summary>
internal sealed class BuildException(string message) : Exception(message);
