using System.Buffers.Binary;
using DilatedKernels.Distributed;

namespace DilatedKernels.Cli.Commands;

/// <summary>Which process of the system each rank is: to send one a signal, or look at it.</summary>
internal static class ProcessNumbers
{
    /// <summary>Tells at rank 0, a line for each host; a call of the group.</summary>
    public static void Tell(ProcessGroup group, TextWriter messages)
    {
        byte[] own = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(own, Environment.ProcessId);
        byte[][]? all = group.Gather(own);
        if (group.Rank != 0)
        {
            return;
        }

        foreach (IGrouping<string, int> host in Enumerable.Range(0, group.Size).GroupBy(group.HostOf))
        {
            messages.WriteLine($"processes on {host.Key}: {string.Join(", ", host.Select(rank => $"rank {rank} is PID {BinaryPrimitives.ReadInt32LittleEndian(all![rank])}"))}");
        }
    }
}
