using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using DilatedKernels.Distributed.Mpi;

namespace DilatedKernels.Distributed;

/// <summary>
/// The processes that one mpirun started, on one machine or many: Open MPI's or MPICH's, told apart as the program runs. No package and no compiled part is needed beyond the MPI library that belongs
/// to mpirun; <c>DILATEDKERNELS_LIBMPI</c> names its file where it is not where the system looks.
/// </summary>
/// <remarks>
/// A thread of its own makes all calls to MPI, so that messages travel while the process computes. It also exchanges signs of life. Where a process fails (<see cref="ProcessGroup.Fail"/>), gives no sign of
/// life for <see cref="MpiOptions.Silence"/>, does not come to a call within <see cref="MpiOptions.Patience"/>, or does nothing for <see cref="MpiOptions.Stall"/>, one line to <see cref="MpiOptions.Report"/> names it with its host and the reason, and the whole
/// job ends with an exit code other than 0. A process that the system ends (a signal, no memory left) is noticed by mpirun, which ends the others at once; Open MPI's names its rank, MPICH's the number of a process, not always of that one.
/// </remarks>
public sealed class MpiGroup : ProcessGroup
{
    // The system's waits know no longer ones.
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(20);

    private static int s_joined;
    private readonly MpiThread _thread;
    private readonly MpiOptions _options;
    private PosixSignalRegistration[] _ended = [];

    private MpiGroup(MpiThread thread, MpiOptions options, int rank, int size, string library, CallLog log)
        : base(rank, [.. Enumerable.Repeat("?", size)], log)
    {
        (_thread, _options) = (thread, options);
        Library = library;
    }

    /// <summary>The MPI library, such as <c>Open MPI 4.1.4</c>.</summary>
    public string Library { get; }

    /// <summary>Whether mpirun, or another launcher of MPI programs, started this process, as far as its environment tells. Joins nothing.</summary>
    /// <param name="rank">Which of the processes this is, from 0.</param>
    /// <param name="size">How many there are; 0 where the launcher does not say.</param>
    public static bool WasLaunched(out int rank, out int size)
    {
        MpiLauncher? launcher = MpiLauncher.TryFind(Environment.GetEnvironmentVariable);
        (rank, size) = (launcher?.Rank ?? 0, launcher?.Size ?? 0);
        return launcher is not null;
    }

    /// <summary>Joins the job that this process was started in. Once in a process.</summary>
    /// <param name="options">When to give a process up; null for the usual.</param>
    /// <exception cref="MpiUnavailableException">This process was not started by mpirun, or there is no MPI library that goes with it.</exception>
    /// <exception cref="ProcessGroupException">The others did not come in time, or MPI did not start.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A time is too short.</exception>
    /// <exception cref="InvalidOperationException">This process has joined before.</exception>
    public static MpiGroup Join(MpiOptions? options = null)
    {
        options ??= new MpiOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Silence, MpiOptions.ShortestSilence, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Patience, TimeSpan.Zero, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Start, TimeSpan.Zero, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Stall ?? TimeSpan.MaxValue, TimeSpan.Zero, nameof(options));
        options = options.Within(s_longest);
        MpiLauncher launcher = MpiLauncher.Find(Environment.GetEnvironmentVariable);
        MpiLibrary mpi = MpiLibrary.Load(launcher);
        if (Interlocked.Exchange(ref s_joined, 1) != 0)
        {
            throw new InvalidOperationException("This process has joined its MPI job before; MPI starts once in a process.");
        }

        Watchdog.IsWatched = options.Stall is not null;
        var log = new CallLog();
        var thread = new MpiThread(mpi, options, log);
        if (Task.WaitAny([thread.Started], options.Start) < 0)
        {
            throw new ProcessGroupException(
                $"{mpi.Version} has not started within {options.Start.TotalSeconds:0} s on host {Environment.MachineName}: one of the {launcher.Size} processes has ended, is stopped or did not come");
        }

        (int rank, int size) = thread.Started.GetAwaiter().GetResult();
        if (launcher.Contradiction(size, mpi.Version, mpi.File) is { } contradiction)
        {
            throw new MpiUnavailableException(contradiction);
        }

        var group = new MpiGroup(thread, options, rank, size, mpi.Version, log);
        group.ExchangeHosts(Environment.MachineName);
        thread.SetNames(group.NameOf);
        group.WatchForTheEnd();
        return group;
    }

    /// <inheritdoc/>
    [DoesNotReturn]
    public override void Fail(string reason)
    {
        if (_thread.Ended.IsCompleted)
        {
            throw new ProcessGroupException(this, Rank, reason);
        }

        Blame(Rank, reason);

        // A process whose GPU waits for others does not end.
        AbortLink();
        Thread.Sleep(Timeout.Infinite);
        throw new UnreachableException();
    }

    private protected override void Blame(int rank, string reason) => _thread.Fail(rank, reason);

    private protected override void Tell(string line) => _options.Report(line);

    private protected override void Leave()
    {
        AppDomain.CurrentDomain.UnhandledException -= FailUnhandled;
        AppDomain.CurrentDomain.ProcessExit -= FailAtExit;
        Array.ForEach(_ended, registration => registration.Dispose());
        try
        {
            _thread.Dispose();
        }
        finally
        {
            // Where MPI could not go on, a call may still be open; it never ends.
            Break(new ObjectDisposedException(nameof(MpiGroup)));
        }
    }

    private protected override Task Send(int to, int tag, Block data) => _thread.Post(new Transfer(isSend: true, to, tag, data, PiecesTo(to)));

    private protected override Task Receive(int from, int tag, Block data) => _thread.Post(new Transfer(isSend: false, from, tag, data, PiecesTo(from)));

    private Pieces PiecesTo(int rank) => HostOf(rank) == HostOf(Rank) ? Pieces.OnOneMachine : Pieces.BetweenMachines;

    // mpirun may see the end of a process, but not why; MPICH's does not even say of which rank.
    private void WatchForTheEnd()
    {
        AppDomain.CurrentDomain.UnhandledException += FailUnhandled;
        AppDomain.CurrentDomain.ProcessExit += FailAtExit;

        // So a person ends the job, and mpirun those that are left when one has gone.
        _ended = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT }.Select(signal => PosixSignalRegistration.Create(signal, _ => AppDomain.CurrentDomain.ProcessExit -= FailAtExit))];
    }

    private void FailUnhandled(object sender, UnhandledExceptionEventArgs e) => Fail(((Exception)e.ExceptionObject).Message);

    private void FailAtExit(object? sender, EventArgs e) =>
        Fail(string.Create(CultureInfo.InvariantCulture, $"the process ends with exit code {Environment.ExitCode} and has not left the group"));
}
