using System.Globalization;
using System.Runtime.InteropServices;

namespace DilatedKernels.Segmentation;

/// <summary>
/// Ctrl-C and the signal that asks a process to end, as a token. The first asks the command to save and end; those that follow change nothing, because people press
/// twice and wrappers pass on what the terminal has sent already. System.CommandLine's own handler fails at the second, in the middle of a checkpoint.
/// </summary>
internal sealed class EndSignals : IDisposable
{
    private const int Interrupt = 130;
    private const int Terminate = 143;

    private static readonly TimeSpan TimeToSave = TimeSpan.FromMinutes(2);

    // The step under way and the one after it, at whose beginning the others are told, come first.
    private static readonly TimeSpan TimeToSaveInGroup = TimeSpan.FromMinutes(10);

    private static volatile bool s_terminated;

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _source = new();
    private readonly TextWriter _error;
    private readonly string _prefix;
    private readonly string _kept;
    private readonly TimeSpan _timeToSave;
    private readonly Action<int> _exit;
    private readonly bool _isInGroup;
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private Timer? _limit;
    private bool _isEnding;
    private bool _isTold;
    private bool _isDisposed;

    /// <summary>Listens from now on.</summary>
    /// <param name="error">Where to tell of signals after the first, and of a command that takes too long.</param>
    /// <param name="prefix">What such a message begins with, such as the program's name.</param>
    /// <param name="kept">What is left where the command takes too long, such as "the last checkpoint is intact".</param>
    /// <param name="isInGroup">Whether others compute together with this process, and it ends with them.</param>
    public EndSignals(TextWriter error, string prefix, string kept, bool isInGroup = false)
        : this(error, prefix, kept, isInGroup ? TimeToSaveInGroup : TimeToSave, Environment.Exit, isInGroup)
    {
    }

    internal EndSignals(TextWriter error, string prefix, string kept, TimeSpan timeToSave, Action<int> exit, bool isInGroup = false)
    {
        _isInGroup = isInGroup;
        _error = error;
        _prefix = prefix;
        _kept = kept;
        _timeToSave = timeToSave;
        _exit = exit;
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle);
    }

    /// <summary>The exit code of a command that a signal has ended: 128 and the signal's number, as shells have it.</summary>
    public static int ExitCode => s_terminated ? Terminate : Interrupt;

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        // Where a signal comes now, the command is done, and the system may end the process.
        _interrupt.Dispose();
        _terminate.Dispose();
        lock (_lock)
        {
            _isDisposed = true;
            _limit?.Dispose();
            _source.Dispose();
        }
    }

    internal void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            if (!_isEnding)
            {
                _isEnding = true;
                if (context.Signal == PosixSignal.SIGTERM)
                {
                    s_terminated = true;
                }

                _limit = new Timer(_ => GiveUp(), null, _timeToSave, Timeout.InfiniteTimeSpan);
                _source.Cancel();
            }
            else if (!_isTold && !(_isInGroup && context.Signal == PosixSignal.SIGTERM))
            {
                // Not where mpirun asks all that are left to end, because one process has: nobody is impatient.
                _isTold = true;
                _error.WriteLine($"{_prefix}already ending; what was done is being saved.");
            }
        }
    }

    private void GiveUp()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }
        }

        _error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{_prefix}not done {_timeToSave.TotalMinutes:0.#} minutes after the signal to end, so it ends without saving more; {_kept}."));
        _exit(ExitCode);
    }
}
