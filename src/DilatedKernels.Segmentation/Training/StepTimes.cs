using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Training;

/// <summary>What the processes of a group tell each other at the beginning of a step, by one sum: whether one has been asked to stop, and how long each computed in the step before.</summary>
internal sealed class StepTimes(ProcessGroup? group)
{
    /// <summary>How long this process computed in the latest step.</summary>
    public TimeSpan Own { get; set; }

    /// <summary>The slowest process of the step before the latest; null without a group, and in the first step.</summary>
    public SlowestProcess? Slowest { get; private set; }

    /// <summary>This process's numbers.</summary>
    public IReadOnlyList<long> Tally(bool isAsked)
    {
        if (group is null)
        {
            return [];
        }

        long[] tally = new long[1 + group.Size];
        tally[0] = isAsked ? 1 : 0;
        tally[1 + group.Rank] = Own.Ticks;
        return tally;
    }

    /// <summary>Takes the sums.</summary>
    /// <returns>Whether a process has been asked to stop.</returns>
    public bool Take(IReadOnlyList<long> sums)
    {
        if (group is null)
        {
            return false;
        }

        (int rank, long ticks) = sums.Skip(1).Index().MaxBy(time => time.Item);
        Slowest = ticks > 0 ? new SlowestProcess(rank, group.HostOf(rank), TimeSpan.FromTicks(ticks)) : null;
        return sums[0] > 0;
    }
}
