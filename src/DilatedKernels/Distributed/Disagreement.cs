namespace DilatedKernels.Distributed;

/// <summary>Finds out from how far the processes are that they cannot go on together.</summary>
internal static class Disagreement
{
    /// <summary>Who is at fault, and why; null where nobody is.</summary>
    /// <param name="states">Of every process, as far as it is known, by rank.</param>
    public static (int Rank, string Reason)? Find(IReadOnlyList<MemberState> states)
    {
        int furthest = 0;
        for (int rank = 1; rank < states.Count; rank++)
        {
            furthest = states[rank].Begun > states[furthest].Begun ? rank : furthest;
        }

        for (int rank = 0; rank < states.Count; rank++)
        {
            // Who has left can no more make a call that another has begun.
            if (states[rank].HasLeft && states[rank].Begun < states[furthest].Begun)
            {
                return (rank, $"left the group after {states[rank].Begun} calls, and rank {furthest} has begun {states[furthest].Begun}");
            }

            for (int other = 0; other < rank; other++)
            {
                if (states[rank].Begun == states[other].Begun && states[rank].Call != states[other].Call)
                {
                    return (rank, Different(Last(rank), other, Last(other)));
                }
            }
        }

        return null;

        NumberedCall Last(int rank) => new(states[rank].Begun - 1, states[rank].Call);
    }

    /// <summary>What to say of a process that made another call.</summary>
    public static string Different(NumberedCall call, int other, NumberedCall otherCall) =>
        $"made {call} where rank {other} made {otherCall}; all processes must make the same calls in the same order";
}
