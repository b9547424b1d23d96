using System.Text;
using DilatedKernels.Distributed;

namespace DilatedKernels.Cli.Commands;

/// <summary>Which GPU each of several processes on a machine takes, and whether all have one.</summary>
internal static class SharedGpus
{
    /// <summary>The GPU of a process: of a machine's each its own in order, but where it sees one only, that one, as a launcher may have chosen it for this process.</summary>
    /// <param name="localRank">How many processes of a lower rank run on the machine.</param>
    /// <param name="visible">How many GPUs this process sees.</param>
    public static int Ordinal(int localRank, int visible) => visible == 1 ? 0 : localRank;

    /// <summary>Finds out together whether every process has a GPU.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="why">Why this one has none, in one sentence; null where it has one.</param>
    /// <returns>Null where all have one; otherwise which process has none and why, the same on all.</returns>
    public static string? WhyNot(ProcessGroup group, string? why)
    {
        byte[][] all = group.AllGather(why is null ? [] : Encoding.UTF8.GetBytes($"{group.NameOf(group.Rank)} has no GPU that can be used: {why}"));
        int without = Array.FindIndex(all, reason => reason.Length > 0);
        return without < 0 ? null : Encoding.UTF8.GetString(all[without]);
    }
}
