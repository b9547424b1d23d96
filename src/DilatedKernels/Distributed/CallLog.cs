using System.Diagnostics;

namespace DilatedKernels.Distributed;

/// <summary>How far a process is, as it tells the others.</summary>
/// <param name="Begun">The number of calls it has begun.</param>
/// <param name="Call">The last of them; of no meaning where there is none.</param>
/// <param name="Open">The number of its oldest call that is not done, from 0; −1 when all are.</param>
/// <param name="Waiting">For how much of its running time nothing has moved in its open calls; 0 without one.</param>
/// <param name="LongestAway">The longest that it has computed between two calls.</param>
/// <param name="HasLeft">Whether it makes no call any more.</param>
internal readonly record struct MemberState(long Begun, Call Call, long Open, TimeSpan Waiting, TimeSpan LongestAway, bool HasLeft);

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

    public MemberState State
    {
        get
        {
            lock (_lock)
            {
                return new MemberState(_begun, _last, _open.Count > 0 ? _open.Min : -1, _waiting, _longestAway, _left);
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
}
