using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DilatedKernels.Distributed.Mpi;

/// <summary>The one thread of a process that calls MPI, from its start to its end.</summary>
internal sealed unsafe partial class MpiThread : IDisposable
{
    // A machine's cores compute while messages travel. As long as something moves, this thread looks again at once; then it sleeps, longer and longer.
    private static readonly TimeSpan LookAtOnce = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan IdleSleep = TimeSpan.FromMilliseconds(5);
    private const int ShortestSleepMicroseconds = 50;
    private const int LongestSleepMicroseconds = 1000;

    // MPICH's mpirun may end the job before it has passed on what was just written.
    private static readonly TimeSpan TimeToPassOn = TimeSpan.FromMilliseconds(300);

    // In which the last word reaches all processes, and they come to MPI_Finalize.
    private static readonly TimeSpan TimeToCome = TimeSpan.FromMilliseconds(300);

    // In which mpirun ends the others once a process has ended without them.
    private static readonly TimeSpan TimeToAnswer = TimeSpan.FromSeconds(5);

    // What MPI_Abort may take until this process ends itself.
    private static readonly TimeSpan AbortTime = TimeSpan.FromSeconds(5);

    private readonly MpiLibrary _mpi;
    private readonly MpiOptions _options;
    private readonly CallLog _log;
    private readonly TaskCompletionSource<(int Rank, int Size)> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ending = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly List<Transfer> _posted = [];
    private readonly AutoResetEvent _wake = new(false);
    private readonly Dictionary<(bool IsSend, int Peer, int Tag), Queue<Transfer>> _lanes = [];
    private readonly List<Transfer> _active = [];
    private volatile bool _isLeaving;
    private (int Rank, string Reason)? _failure;
    private Func<int, string> _nameOf = rank => $"rank {rank}";
    private nint _communicator;
    private int _sleepMicroseconds;
    private int _rank;

    public MpiThread(MpiLibrary mpi, MpiOptions options, CallLog log)
    {
        (_mpi, _options, _log) = (mpi, options, log);
        new Thread(Run) { IsBackground = true, Name = "DilatedKernels MPI" }.Start();
    }

    /// <summary>There when MPI has started.</summary>
    public Task<(int Rank, int Size)> Started => _started.Task;

    /// <summary>There when MPI has ended, or could not go on.</summary>
    public Task Ended => _ended.Task;

    /// <summary>How to name processes in messages.</summary>
    public void SetNames(Func<int, string> nameOf) => _nameOf = nameOf;

    public Task Post(Transfer transfer)
    {
        lock (_lock)
        {
            _posted.Add(transfer);
        }

        _ = _wake.Set();
        return transfer.Done;
    }

    /// <summary>Ends MPI when all processes have come to this.</summary>
    public void Dispose()
    {
        _isLeaving = true;
        _ = _wake.Set();
        _ = Task.WaitAny(_ending.Task, _ended.Task);
        if (Task.WaitAny([_ended.Task], EndTime()) < 0)
        {
            // All have done their work and said so. This process goes on, and mpirun ends what is left.
            _options.Report($"{_nameOf(_rank)}: MPI has not ended within {EndTime().TotalSeconds:0} s, although all processes have left the group: one of them is stopped, or its machine is down");
            return;
        }

        _ended.Task.GetAwaiter().GetResult();
        _wake.Dispose();
    }

    // One after the other, so that one line is written where the first to write it ends the job.
    private TimeSpan EndTime() => _options.Silence + (TimeToAnswer * Math.Min(_rank, 2));

    /// <summary>Ends the job. The first reason counts.</summary>
    public void Fail(int rank, string reason)
    {
        lock (_lock)
        {
            _failure ??= (rank, reason);
        }

        _ = _wake.Set();
    }

    private (int Rank, string Reason)? Failure
    {
        get
        {
            lock (_lock)
            {
                return _failure;
            }
        }
    }

    private void Run()
    {
        try
        {
            (int rank, int size) = Start();
            _rank = rank;
            var lifeline = new Lifeline(_mpi, _communicator, rank, size, _options, _log);
            _started.SetResult((rank, size));
            try
            {
                Work(lifeline);
            }
            catch (Exception e)
            {
                Abort(rank, e.Message);
            }

            lifeline.Dispose();
            if (rank == 0 && size > 1)
            {
                // Over TCP, MPICH 4.0's MPI_Finalize asks every other process and answers them until it has all its own answers; who asks later waits for ever. As long as
                // rank 0 makes no call it answers nobody, so all are still there to answer when it has come last.
                Thread.Sleep(TimeToCome);
            }

            _ending.SetResult();
            _mpi.Check(_mpi.End(), "MPI_Finalize");
            _ended.SetResult();
        }
        catch (Exception e)
        {
            _ = _started.TrySetException(e);
            _ended.SetException(e);
        }
    }

    private (int Rank, int Size) Start()
    {
        int provided = 0;
        _mpi.Check(_mpi.InitThread(null, null, MpiLibrary.ThreadFunneled, &provided), "MPI_Init_thread");

        // Errors come back as codes; and no other user of MPI in this process shares the messages.
        nint communicator = 0;
        _mpi.Check(_mpi.CommSetErrorHandler(_mpi.World, _mpi.ErrorsReturn), "MPI_Comm_set_errhandler");
        _mpi.Check(_mpi.CommDup(_mpi.World, &communicator), "MPI_Comm_dup");
        _mpi.Check(_mpi.CommSetErrorHandler(communicator, _mpi.ErrorsReturn), "MPI_Comm_set_errhandler");
        _communicator = communicator;
        int rank = 0;
        int size = 0;
        _mpi.Check(_mpi.CommRank(communicator, &rank), "MPI_Comm_rank");
        _mpi.Check(_mpi.CommSize(communicator, &size), "MPI_Comm_size");
        return (rank, size);
    }

    private void Work(Lifeline lifeline)
    {
        long moved = Stopwatch.GetTimestamp();
        while (!lifeline.IsOver)
        {
            // Looked at first: who leaves has posted before.
            bool isLeaving = _isLeaving;
            TakePosted();
            if (AdvanceTransfers())
            {
                _log.Move();
                moved = Stopwatch.GetTimestamp();
            }

            // A call is open until its last byte has moved; between two of its steps nothing may be under way.
            bool isDone = isLeaving && _log.State.Open < 0;
            if (lifeline.Advance(isDone, Failure) is { } fault)
            {
                Abort(fault.Rank, fault.Reason);
            }

            Pause(Stopwatch.GetElapsedTime(moved));
        }
    }

    private void TakePosted()
    {
        Transfer[] posted;
        lock (_lock)
        {
            if (_posted.Count == 0)
            {
                return;
            }

            posted = [.. _posted];
            _posted.Clear();
        }

        foreach (Transfer transfer in posted)
        {
            if (!_lanes.TryGetValue(transfer.Lane, out Queue<Transfer>? lane))
            {
                _lanes.Add(transfer.Lane, lane = new Queue<Transfer>());
            }

            lane.Enqueue(transfer);
            if (lane.Count == 1)
            {
                _active.Add(transfer);
            }
        }
    }

    // Of a lane, the first that is not all handed over is active, and those before it that have yet to arrive.
    private bool AdvanceTransfers()
    {
        bool moved = false;
        for (int i = 0; i < _active.Count; i++)
        {
            Transfer transfer = _active[i];
            bool wasHandedOver = transfer.IsHandedOver;
            moved |= transfer.Advance(_mpi, _communicator);
            if (transfer.IsHandedOver && !wasHandedOver)
            {
                Queue<Transfer> lane = _lanes[transfer.Lane];
                _ = lane.Dequeue();
                if (lane.TryPeek(out Transfer? next))
                {
                    _active.Add(next);
                }
                else
                {
                    _ = _lanes.Remove(transfer.Lane);
                }
            }
        }

        if (moved)
        {
            // What waits for them goes on here, and may post more.
            Transfer[] done = [.. _active.Where(transfer => transfer.IsDone)];
            _ = _active.RemoveAll(transfer => transfer.IsDone);
            foreach (Transfer transfer in done)
            {
                transfer.Complete();
            }
        }

        return moved;
    }

    private void Pause(TimeSpan sinceMoved)
    {
        if (_active.Count == 0)
        {
            _ = _wake.WaitOne(IdleSleep);
        }
        else if (sinceMoved < LookAtOnce)
        {
            _sleepMicroseconds = ShortestSleepMicroseconds;
            _ = Thread.Yield();
        }
        else
        {
            _ = Sleep(_sleepMicroseconds);
            _sleepMicroseconds = Math.Min(_sleepMicroseconds * 5 / 4, LongestSleepMicroseconds);
        }
    }

    /// <summary>Says who ends the job and why, and ends it. Does not return.</summary>
    private void Abort(int rank, string reason)
    {
        new Thread(() =>
        {
            Thread.Sleep(AbortTime);
            Process.GetCurrentProcess().Kill();
        })
        { IsBackground = true, Name = "DilatedKernels end" }.Start();
        _options.Report($"{_nameOf(rank)}: {reason}");
        Thread.Sleep(TimeToPassOn);
        _ = _mpi.Abort(_mpi.World, 1);
        Thread.Sleep(Timeout.Infinite);
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(int microseconds);
}
