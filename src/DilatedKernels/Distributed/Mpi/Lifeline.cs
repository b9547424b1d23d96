using System.Diagnostics;

namespace DilatedKernels.Distributed.Mpi;

/// <summary>
/// Signs of life between rank 0 and every other process, and what ends the job. Rank 0 watches all; the others watch rank 0. Lives on the thread that makes the calls to MPI.
/// </summary>
internal sealed class Lifeline : IDisposable
{
    private const int Tag = 32767;

    // For the message of a failure on its way to rank 0, and for rank 1 to speak first where rank 0 is lost.
    private static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(5);

    // A process that was stopped as a whole, with all others, has not waited meanwhile.
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(1);

    // Seldom enough to leave the memory that cores mark to them.
    private static readonly TimeSpan MarkInterval = TimeSpan.FromSeconds(0.1);

    private readonly MpiLibrary _mpi;
    private readonly nint _communicator;
    private readonly int _rank;
    private readonly TimeSpan _silence;
    private readonly TimeSpan _interval;
    private readonly Watch _watch;
    private readonly CallLog _log;
    private readonly Outgoing[] _outgoing;
    private readonly NativeBlock _incoming = new(ControlMessage.Bytes);
    private nint _receiving;
    private bool _isReceiving;
    private long _looked = Stopwatch.GetTimestamp();
    private TimeSpan _now;
    private TimeSpan _sinceMarks;
    private TimeSpan _nextBeat;
    private TimeSpan _heardOfRoot;
    private TimeSpan? _failed;
    private bool _heardEnd;

    public Lifeline(MpiLibrary mpi, nint communicator, int rank, int size, MpiOptions options, CallLog log)
    {
        (_mpi, _communicator, _rank, _log) = (mpi, communicator, rank, log);
        _silence = options.Silence;
        _interval = _silence / 10 < LongestLook ? _silence / 10 : LongestLook;
        _watch = new Watch(size, options.Silence, options.Patience, options.Stall);
        _outgoing = [.. (rank == 0 ? Enumerable.Range(1, size - 1) : [0]).Select(peer => new Outgoing(mpi, communicator, peer))];
        _heardEnd = size == 1;
        if (size > 1)
        {
            Receive();
        }
    }

    /// <summary>Whether all processes have left, and told each other.</summary>
    public bool IsOver => _heardEnd && _outgoing.All(message => message.IsLastSent);

    /// <summary>Sends and receives what is due.</summary>
    /// <param name="isDone">Whether this process has left, and moved all its bytes.</param>
    /// <param name="failure">Whom this process found at fault, most often itself, and why; null as long as all is well.</param>
    /// <returns>Who ends the job, and why; null where nobody does. To be told and obeyed by this process.</returns>
    public (int Rank, string Reason)? Advance(bool isDone, (int Rank, string Reason)? failure)
    {
        TimeSpan passed = Stopwatch.GetElapsedTime(_looked);
        passed = passed < LongestLook ? passed : LongestLook;
        _looked = Stopwatch.GetTimestamp();
        _now += passed;
        _log.Pass(passed);
        LookForMarks(passed);
        MemberState state = _log.State;
        _watch.Hear(_rank, state, _now);
        while (_isReceiving && _mpi.IsComplete(ref _receiving))
        {
            _isReceiving = false;
            ControlMessage message = ControlMessage.Read(_incoming.Block.AsSpan<byte>());
            if (message.Kind == ControlKind.Failure)
            {
                return (message.Rank, message.Text);
            }

            _watch.Hear(message.Rank, message.State, _now);
            if (message.Kind == ControlKind.End)
            {
                _watch.HearEnd(message.Rank);
            }

            _heardOfRoot = _now;
            _heardEnd |= _rank == 0 ? _watch.AllEndedBut(0) : message.Kind == ControlKind.End;
            if (!_heardEnd)
            {
                Receive();
            }
        }

        if (failure is { } mine)
        {
            return AdvanceFailure(state, mine);
        }

        SendDue(state, isDone);
        return _rank == 0 ? _watch.Find(_now) : FindLostRoot();
    }

    /// <summary>Gives the messages' memory back. Only when it is over: until then MPI may use it.</summary>
    public void Dispose()
    {
        _incoming.Dispose();
        foreach (Outgoing message in _outgoing)
        {
            message.Dispose();
        }
    }

    private void LookForMarks(TimeSpan passed)
    {
        _sinceMarks += passed;
        if (_sinceMarks >= MarkInterval)
        {
            (bool isSuspended, bool isWaiting) = (Watchdog.IsSuspended, Watchdog.IsWaiting);
            _log.Look(_sinceMarks, Watchdog.TakeMark(), isSuspended, isWaiting);
            _sinceMarks = TimeSpan.Zero;
        }
    }

    private void SendDue(MemberState state, bool isDone)
    {
        bool isBeatDue = _now >= _nextBeat;
        bool isEndDue = isDone && (_rank != 0 || _heardEnd);
        _nextBeat = isBeatDue ? _now + _interval : _nextBeat;
        if (isBeatDue || isEndDue)
        {
            foreach (Outgoing message in _outgoing)
            {
                message.Send(new ControlMessage(isEndDue ? ControlKind.End : ControlKind.Beat, _rank, state, ""));
            }
        }
    }

    // Rank 0 tells of it and ends the job. Where it does not, that is left to this process.
    private (int Rank, string Reason)? AdvanceFailure(MemberState state, (int Rank, string Reason) failure)
    {
        _failed ??= _now;
        if (_rank == 0 || _now - _failed > Courtesy)
        {
            return failure;
        }

        _outgoing[0].Send(new ControlMessage(ControlKind.Failure, failure.Rank, state, failure.Reason));
        return null;
    }

    private (int Rank, string Reason)? FindLostRoot()
    {
        TimeSpan silent = _now - _heardOfRoot;
        return !_heardEnd && silent > _silence + (_rank == 1 ? TimeSpan.Zero : Courtesy) ? (0, Watch.Silent(silent)) : null;
    }

    private unsafe void Receive()
    {
        nint request = 0;
        _mpi.Check(_mpi.Receive((void*)_incoming.Block.Address, ControlMessage.Bytes, _mpi.Byte, _mpi.AnySource, Tag, _communicator, &request), "MPI_Irecv");
        (_receiving, _isReceiving) = (request, true);
    }

    /// <summary>The messages to one process, one at a time: one that finds the last still on its way is left out, except the final ones, which are asked for again.</summary>
    private sealed unsafe class Outgoing(MpiLibrary mpi, nint communicator, int peer) : IDisposable
    {
        private readonly NativeBlock _message = new(ControlMessage.Bytes);
        private nint _request;
        private bool _isUnderWay;
        private bool _isLast;

        public bool IsLastSent => _isLast && IsFree;

        private bool IsFree
        {
            get
            {
                _isUnderWay = _isUnderWay && !mpi.IsComplete(ref _request);
                return !_isUnderWay;
            }
        }

        public void Dispose() => _message.Dispose();

        public void Send(ControlMessage message)
        {
            if (_isLast || !IsFree)
            {
                return;
            }

            message.Write(_message.Block.AsSpan<byte>());
            nint request = 0;
            mpi.Check(mpi.Send((void*)_message.Block.Address, ControlMessage.Bytes, mpi.Byte, peer, Tag, communicator, &request), "MPI_Isend");
            (_request, _isUnderWay, _isLast) = (request, true, message.Kind != ControlKind.Beat);
        }
    }
}
