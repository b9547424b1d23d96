using System.Diagnostics;

namespace DilatedKernels.Distributed;

/// <summary>How far a process is, as it tells the others.</summary>
/// <param name="Begun">The number of calls it has begun.</param>
/// <param name="Call">The last of them; of no meaning where there is none.</param>
/// <param name="Open">The number of its oldest call that is not done, from 0; −1 when all are.</param>
/// <param name="Waiting">For how much of its running time nothing has moved in its open calls; 0 without one.</param>
/// <param name="LongestAway">The longest that it has computed between two calls.</param>
/// <param name="HasLeft">Whether it makes no call any more.</param>
internal readonly record struct MemberState(long Begun, Call Call, long Open, TimeSpan Waiting, TimeSpan LongestAway, bool HasLeft)
{
    /// <summary>For how much of its running time it has given no sign of going on and waited for no call.</summary>
    public TimeSpan Stalled { get; init; }

    /// <summary>The longest such time that ended, but for suspensions.</summary>
    public TimeSpan LongestStall { get; init; }

    /// <summary>Whether it is at something that can give no such sign.</summary>
    public bool IsSuspended { get; init; }

    /// <summary>Whether it waits for its GPU.</summary>
    public bool IsWaitingForDevice { get; init; }
}

/// <summary>The calls of this process, and when something last moved in them. For any thread.</summary>
internal sealed class CallLog
{
    private readonly Lock _lock = new();
    private readonly SortedSet<long> _open = [];
    private long _begun;
    private Call _last;
    private long _idleSince = Stopwatch.GetTimestamp();
    private TimeSpan _waiting;
    private TimeSpan _longestAway;
    private bool _left;
    private int _blocked;
    private TimeSpan _stalled;
    private TimeSpan _longestStall;
    private bool _isSuspended;
    private bool _isWaitingForDevice;

    public MemberState State
    {
        get
        {
            lock (_lock)
            {
                return new MemberState(_begun, _last, _open.Count > 0 ? _open.Min : -1, _waiting, _longestAway, _left)
                {
                    Stalled = _stalled,
                    LongestStall = _longestStall,
                    IsSuspended = _isSuspended,
                    IsWaitingForDevice = _isWaitingForDevice,
                };
            }
        }
    }

    public void Begin(NumberedCall call)
    {
        lock (_lock)
        {
            if (_open.Count == 0)
            {
                TimeSpan away = Stopwatch.GetElapsedTime(_idleSince);
                _longestAway = away > _longestAway ? away : _longestAway;
            }

            EndStall();
            (_begun, _last) = (call.Number + 1, call.Call);
            _ = _open.Add(call.Number);
        }
    }

    /// <summary>Bytes have come or gone.</summary>
    public void Move()
    {
        lock (_lock)
        {
            _waiting = TimeSpan.Zero;
        }
    }

    /// <summary>Time has passed in which this process ran.</summary>
    public void Pass(TimeSpan time)
    {
        lock (_lock)
        {
            _waiting = _open.Count > 0 ? _waiting + time : TimeSpan.Zero;
        }
    }

    /// <summary>Time has passed, with or without a <see cref="Watchdog"/>'s sign in it.</summary>
    public void Look(TimeSpan time, bool isMarked, bool isSuspended, bool isWaitingForDevice = false)
    {
        lock (_lock)
        {
            if (isMarked || _blocked > 0 || _left)
            {
                EndStall();
            }
            else
            {
                _stalled += time;
            }

            (_isSuspended, _isWaitingForDevice) = (isSuspended, isWaitingForDevice);
        }
    }

    /// <summary>A thread waits for a call, till <see cref="Unblock"/>.</summary>
    public void Block()
    {
        lock (_lock)
        {
            _blocked++;
        }
    }

    public void Unblock()
    {
        lock (_lock)
        {
            _blocked--;
            EndStall();
        }
    }

    public void End(NumberedCall call)
    {
        lock (_lock)
        {
            _ = _open.Remove(call.Number);
            _waiting = TimeSpan.Zero;
            _idleSince = Stopwatch.GetTimestamp();
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _left = true;
        }
    }

    private void EndStall()
    {
        _longestStall = _isSuspended || _stalled < _longestStall ? _longestStall : _stalled;
        _stalled = TimeSpan.Zero;
    }
}
