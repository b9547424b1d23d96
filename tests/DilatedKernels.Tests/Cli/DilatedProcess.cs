using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>The command as a person starts it: a process of its own.</summary>
internal sealed class DilatedProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private const int Interrupt = 2;
    private const int KillNow = 9;
    private const int Terminate = 15;
    private const int Stop = 19;
    private const int Continue = 18;

    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly StringBuilder _error = new();
    private readonly TaskCompletionSource _spoke = new();

    static DilatedProcess() => HearInterrupts();

    private DilatedProcess(string folder, IReadOnlyDictionary<string, string> environment, string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _output = _process.StandardOutput.ReadToEndAsync();
        _process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is { } line)
            {
                lock (_error)
                {
                    _error.AppendLine(line);
                }
            }

            _spoke.TrySetResult();
        };
        _process.BeginErrorReadLine();
    }

    public sealed record Result(int ExitCode, string Output, string Error);

    /// <summary>Runs the command to its end in a working folder.</summary>
    public static Result Run(string folder, params string[] arguments) => Run(folder, new Dictionary<string, string>(), arguments);

    /// <summary>Runs the command with something in its environment.</summary>
    public static Result Run(string folder, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        RunProgram(folder, environment, [.. Self(), .. arguments]);

    /// <summary>Runs any program and its arguments, with something in its environment.</summary>
    public static Result RunProgram(string folder, IReadOnlyDictionary<string, string> environment, params string[] command)
    {
        using var process = new DilatedProcess(folder, environment, command);
        return process.Wait();
    }

    /// <summary>Runs the command through another one, such as a shell that sets limits: its name and arguments, which the command's follow.</summary>
    public static Result RunThrough(string folder, string[] before, params string[] arguments) =>
        RunProgram(folder, new Dictionary<string, string>(), [.. before, .. Self(), .. arguments]);

    /// <summary>As that, with something in its environment.</summary>
    public static Result RunThrough(string folder, IReadOnlyDictionary<string, string> environment, string[] before, params string[] arguments) =>
        RunProgram(folder, environment, [.. before, .. Self(), .. arguments]);

    /// <summary>The command as words of a shell.</summary>
    public static string ShellWords => string.Join(' ', Self().Select(word => $"'{word}'"));

    /// <summary>Runs the command and expects it to refuse: exit code 2, a message with these parts, no stack trace.</summary>
    public static void AssertRefused(TemporaryFolder folder, string[] arguments, params string[] message)
    {
        Result result = Run(folder.Path, arguments);
        string command = string.Join(' ', arguments);
        Assert.That(result.ExitCode, Is.EqualTo(2), $"{command}: {result.Error}{result.Output}");
        Assert.That(result.Error, Is.Not.Empty, command);
        Assert.That(result.Error, Does.Not.Contain("   at ").And.Not.Contain("Exception"), command);
        Assert.That(result.Error, Does.Not.Contain("(Parameter '"), command);
        foreach (string part in message)
        {
            Assert.That(result.Error, Does.Contain(part), command);
        }
    }

    public static DilatedProcess Start(string folder, params string[] arguments) => new(folder, new Dictionary<string, string>(), [.. Self(), .. arguments]);

    /// <summary>Starts any program with something in its environment.</summary>
    public static DilatedProcess StartProgram(string folder, IReadOnlyDictionary<string, string> environment, params string[] command) => new(folder, environment, command);

    /// <summary>As that through another program, with something in the environment.</summary>
    public static DilatedProcess StartThrough(string folder, IReadOnlyDictionary<string, string> environment, string[] before, params string[] arguments) =>
        new(folder, environment, [.. before, .. Self(), .. arguments]);

    public bool HasExited => _process.HasExited;

    /// <summary>The memory that the process has now; 0 once it has ended.</summary>
    public long MemoryBytes
    {
        get
        {
            try
            {
                _process.Refresh();
                return _process.WorkingSet64;
            }
            catch (InvalidOperationException)
            {
                return 0;
            }
        }
    }

    /// <summary>Waits for the first line on standard error, which is progress or the end.</summary>
    public void WaitForProgress() => Assert.That(_spoke.Task.Wait(Patience), Is.True, "The command said nothing.");

    /// <summary>What Ctrl-C sends.</summary>
    public void SendInterrupt() => Assert.That(Kill(_process.Id, Interrupt), Is.Zero);

    /// <summary>What a shell's kill sends, or a system that shuts down.</summary>
    public void SendTermination() => Assert.That(Kill(_process.Id, Terminate), Is.Zero);

    /// <summary>One of the two, to a process that may have ended by itself.</summary>
    public void Send(bool interrupt) => _ = Kill(_process.Id, interrupt ? Interrupt : Terminate);

    /// <summary>Ends the process between two instructions; it may have ended by itself.</summary>
    public void KillAtOnce() => _ = Kill(_process.Id, KillNow);

    /// <summary>Ends any process at once; it may have ended by itself.</summary>
    public static void KillAtOnce(int process) => _ = Kill(process, KillNow);

    /// <summary>Sends any process what Ctrl-C sends.</summary>
    public static void SendInterrupt(int process) => _ = Kill(process, Interrupt);

    /// <summary>Stops any process, as Ctrl-Z does, or lets it go on; it may have ended by itself.</summary>
    public static void SetStopped(int process, bool stopped) => _ = Kill(process, stopped ? Stop : Continue);

    public bool EndsWithin(TimeSpan time) => _process.WaitForExit(time);

    public Result Wait()
    {
        if (!_process.WaitForExit(Patience))
        {
            _process.Kill(entireProcessTree: true);
            lock (_error)
            {
                Assert.Fail($"The command did not end: {_error}");
            }
        }

        // Without a limit it waits for the last of standard error, too.
        _process.WaitForExit();
        lock (_error)
        {
            return new Result(_process.ExitCode, _output.Result, _error.ToString());
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    // A bundle for GPU machines brings the runtime along, and the command as a program of its own.
    private static string[] Self()
    {
        string folder = AppContext.BaseDirectory;
        return File.Exists(Path.Combine(folder, "libcoreclr.so")) ? [Path.Combine(folder, "dilated")] : ["dotnet", Path.Combine(folder, "dilated.dll")];
    }

    // A shell's background jobs, and what nohup starts, ignore SIGINT, and so would all that they start.
    private static void HearInterrupts()
    {
        const string Ignored = "SigIgn:";
        if (OperatingSystem.IsLinux()
            && File.ReadLines("/proc/self/status").FirstOrDefault(field => field.StartsWith(Ignored, StringComparison.Ordinal)) is { } line
            && ((ulong.Parse(line[Ignored.Length..], NumberStyles.HexNumber | NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture) >> (Interrupt - 1)) & 1) != 0)
        {
            _ = SetHandler(Interrupt, 0);
        }
    }

    [DllImport("libc", EntryPoint = "signal")]
    private static extern nint SetHandler(int signal, nint handler);

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
