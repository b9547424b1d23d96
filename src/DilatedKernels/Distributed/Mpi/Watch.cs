using System.Globalization;

namespace DilatedKernels.Distributed.Mpi;

/// <summary>Tells from the processes' signs of life who is lost or hangs. Knows no clock but the times that it is given.</summary>
internal sealed class Watch(int size, TimeSpan silence, TimeSpan patience, TimeSpan? stall = null)
{
    // A process that waited shorter may only be slow.
    private const int TimesTheLongest = 10;
    private const int TimesForWhoGoesOn = 10;

    private readonly MemberState[] _states = [.. Enumerable.Repeat(new MemberState(0, default, -1, TimeSpan.Zero, TimeSpan.Zero, false), size)];
    private readonly TimeSpan[] _heard = new TimeSpan[size];

    private readonly TimeSpan?[] _left = new TimeSpan?[size];
    private readonly bool[] _ended = new bool[size];
    private TimeSpan _lastOpen;

    /// <summary>Whether the last message of all processes but one has come.</summary>
    public bool AllEndedBut(int rank) => _ended.Where((_, other) => other != rank).All(ended => ended);

    public void Hear(int rank, MemberState state, TimeSpan now)
    {
        (_states[rank], _heard[rank]) = (state, now);
        _left[rank] ??= state.HasLeft ? now : null;
        _lastOpen = state.Open >= 0 ? now : _lastOpen;
    }

    /// <summary>Nothing more will be heard of this process.</summary>
    public void HearEnd(int rank) => _ended[rank] = true;

    /// <summary>Who is at fault, and why; null where nobody is.</summary>
    public (int Rank, string Reason)? Find(TimeSpan now)
    {
        for (int rank = 0; rank < size; rank++)
        {
            if (!_ended[rank] && now - _heard[rank] > silence)
            {
                return (rank, Silent(now - _heard[rank]));
            }
        }

        return Disagreement.Find(_states) ?? FindStall() ?? FindHang(now);
    }

    /// <summary>What to say of a process that has not been heard of for so long.</summary>
    public static string Silent(TimeSpan time) => $"gave no sign of life for {Seconds(time)}: it is stopped, its machine is down, or the network is cut";

    // Nobody need wait for it yet: where work is taken as processes come, that may be much later.
    private (int Rank, string Reason)? FindStall()
    {
        int stalled = Array.FindIndex(_states, state => state.Stalled > StallLimit(state));
        if (stalled < 0)
        {
            return null;
        }

        MemberState state = _states[stalled];
        string what = state.IsWaitingForDevice ? "waits for its GPU, which" : "waits for none, and";
        return (stalled, string.Create(CultureInfo.InvariantCulture, $"hangs: it has begun {state.Begun} calls, {what} has done nothing for {Seconds(state.Stalled)}"));
    }

    private TimeSpan StallLimit(MemberState state)
    {
        if (stall is not { } shortest)
        {
            return TimeSpan.MaxValue;
        }

        TimeSpan usual = TimesTheLongest * state.LongestStall;
        return state.IsSuspended || usual > patience ? patience : usual > shortest ? usual : shortest;
    }

    private (int Rank, string Reason)? FindHang(TimeSpan now)
    {
        TimeSpan longest = TimesTheLongest * _states.Max(state => state.LongestAway);
        TimeSpan limit = longest > patience ? longest : patience;
        int waiting = Array.FindIndex(_states, state => state.Open >= 0 && state.Waiting > limit);
        if (waiting < 0)
        {
            return FindStaying(now, limit);
        }

        MemberState waits = _states[waiting];
        int last = Enumerable.Range(0, size).MinBy(rank => _states[rank].Begun);
        bool isLate = _states[last].Begun <= waits.Open;
        if (isLate && GoesOn(_states[last]) && waits.Waiting <= TimesForWhoGoesOn * limit)
        {
            return null;
        }

        return isLate
            ? (last, $"has begun {_states[last].Begun} calls and does not come to the next, for which rank {waiting} has waited {Seconds(waits.Waiting)}")
            : (waiting, $"has moved nothing for {Seconds(waits.Waiting)} in call {waits.Open + 1}, which all have begun");
    }

    // Where signs are asked for, one that gives them has much to do, such as a large image; but it may do it for ever.
    private bool GoesOn(MemberState state) => stall is { } shortest && state.Stalled < shortest && !state.IsSuspended;

    // Who has left waits for the others to leave: MPI ends for all together. Not while a sum that was left under way still moves.
    private (int Rank, string Reason)? FindStaying(TimeSpan now, TimeSpan limit)
    {
        int staying = Array.FindIndex(_left, left => left is null);
        int gone = Array.FindIndex(_left, left => now - left > limit);
        return staying >= 0 && gone >= 0 && now - _lastOpen > limit
            ? (staying, $"does not leave the group, which rank {gone} left {Seconds(now - _left[gone]!.Value)} ago")
            : null;
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s");
}
