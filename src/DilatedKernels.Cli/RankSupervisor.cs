using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using DilatedKernels.Distributed;

namespace DilatedKernels.Cli;

/// <summary>
/// Under MPICH's mpirun the command runs as the child of a process that does nothing but wait for it: when one process of a job ends, that mpirun ends all others within milliseconds, and names one of them
/// by its number in the system, not always the first. The parent says which rank it was, and why, before mpirun sees anything.
/// </summary>
internal static class RankSupervisor
{
    /// <summary>In the environment of the child: the number of its parent.</summary>
    internal const string Variable = "DILATEDKERNELS_SUPERVISOR";

    // Told to the processes by MPICH's mpirun alone.
    private const string Launcher = "HYDI_CONTROL_FD";

    private const int SignalOfParentsEnd = 1;
    private const int Kill = 9;

    // The shell's way to tell a signal in an exit code.
    private const int Signalled = 128;

    // These the command hears, and ends with its own message.
    private static readonly int[] s_heard = [2, 15];

    /// <summary>Runs the command as a child, if it is to be; else ties it to its parent, where it is a child already.</summary>
    /// <param name="error">Where to tell of its end.</param>
    /// <returns>The child's exit code; null where the command is to run in this process.</returns>
    public static int? Run(TextWriter error)
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(Launcher) is null || Environment.ProcessPath is not { } program)
        {
            return null;
        }

        if (!int.TryParse(Environment.GetEnvironmentVariable(Variable), NumberStyles.None, CultureInfo.InvariantCulture, out int parent))
        {
            EndWithMpirun();
            return Supervise(program, error);
        }

        // A parent that is ended without a word takes its child with it.
        _ = Control(SignalOfParentsEnd, Kill);
        if (Parent() != parent)
        {
            Environment.Exit(ExitCode.Failed);
        }

        // What mpirun sends to a group of processes reaches the parent, which passes it on: once.
        _ = SetGroup(0, 0);
        return null;
    }

    /// <summary>What to say of a child that ended; null where it has told by itself.</summary>
    /// <param name="exitCode">Its exit code; of a signal, 128 and its number.</param>
    /// <param name="process">Its number in the system.</param>
    /// <param name="rank">Its rank.</param>
    /// <param name="size">How many processes the job has.</param>
    internal static string? Describe(int exitCode, int process, int rank, int size) =>
        exitCode <= Signalled || s_heard.Contains(exitCode - Signalled)
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"rank {rank} of {size} on host {Environment.MachineName}: signal {exitCode - Signalled} ended its process, PID {process}{(exitCode == Signalled + Kill ? ", as the system does where memory runs out" : "")}");

    /// <summary>The words of a command line as the system keeps it: each, an empty one too, ends with a zero.</summary>
    internal static string[] Words(string commandLine) => commandLine.Split('\0')[..^1];

    // Where mpirun's process on this machine is ended, nobody else would end the job here. Of another parent, such as a script, the thread that started this one may end before it.
    private static void EndWithMpirun()
    {
        string name = $"/proc/{Parent()}/comm";
        if (File.Exists(name) && File.ReadAllText(name).StartsWith("hydra", StringComparison.Ordinal))
        {
            _ = Control(SignalOfParentsEnd, Kill);
        }
    }

    private static int? Supervise(string program, TextWriter error)
    {
        // The words as they were given: to the runtime's host they are more than the program's own arguments.
        var start = new ProcessStartInfo(program, Words(File.ReadAllText("/proc/self/cmdline"))[1..]) { UseShellExecute = false };
        start.Environment[Variable] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

        // On the thread that waits to the end: with it, for the system, the parent would end.
        using Process? child = TryStart(start);
        if (child is null)
        {
            return null;
        }

        PosixSignalRegistration[] passedOn =
        [
            .. new[] { (PosixSignal.SIGHUP, 1), (PosixSignal.SIGINT, 2), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGTERM, 15) }.Select(signal => PosixSignalRegistration.Create(
                signal.Item1,
                context =>
                {
                    context.Cancel = true;
                    _ = Send(child.Id, signal.Item2);
                })),
        ];
        child.WaitForExit();
        _ = MpiGroup.WasLaunched(out int rank, out int size);
        if (Describe(child.ExitCode, child.Id, rank, size) is { } end)
        {
            error.WriteLine(end);
        }

        Array.ForEach(passedOn, registration => registration.Dispose());
        return child.ExitCode;
    }

    // Where the system has no room for one process more, the command runs without.
    private static Process? TryStart(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start);
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    [DllImport("libc", EntryPoint = "prctl")]
    private static extern int Control(int option, nuint value);

    [DllImport("libc", EntryPoint = "getppid")]
    private static extern int Parent();

    [DllImport("libc", EntryPoint = "setpgid")]
    private static extern int SetGroup(int process, int group);

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Send(int process, int signal);
}
