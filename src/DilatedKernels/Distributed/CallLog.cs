using System.Diagnostics;

namespace DilatedKernels.Distributed;

/// <summary>How far a process is, as it tells the others.</summary>
/// <param name="Begun">The number of calls it has begun.</param>
/// <param name="Call">The last of them; of no meaning where there is none.</param>
/// <param name="Open">The number of its oldest call that is not done, from 0; −1 when all are.</param>
/// <param name="Waiting">How long nothing has moved in its open calls; 0 without one.</param>
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
    private long _moved = Stopwatch.GetTimestamp();
    private TimeSpan _longestAway;
    private bool _left;

    public MemberState State
    {
        get
        {
            lock (_lock)
            {
                bool isOpen = _open.Count > 0;
                return new MemberState(_begun, _last, isOpen ? _open.Min : -1, isOpen ? Stopwatch.GetElapsedTime(_moved) : TimeSpan.Zero, _longestAway, _left);
            }
        }
    }

    public void Begin(NumberedCall call)
    {
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            if (_open.Count == 0)
            {
                TimeSpan away = Stopwatch.GetElapsedTime(_moved, now);
                _longestAway = away > _longestAway ? away : _longestAway;
                _moved = now;
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
            _moved = Stopwatch.GetTimestamp();
        }
    }

    public void End(NumberedCall call)
    {
        lock (_lock)
        {
            _moved = Stopwatch.GetTimestamp();
            _ = _open.Remove(call.Number);
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
