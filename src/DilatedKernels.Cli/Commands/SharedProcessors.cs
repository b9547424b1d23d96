using System.Text;
using DilatedKernels.Distributed;

namespace DilatedKernels.Cli.Commands;

/// <summary>How many processor threads each of several processes on a machine takes: together, one a core.</summary>
internal static class SharedProcessors
{
    private const string StatusFile = "/proc/self/status";
    private const string AllowedCores = "Cpus_allowed_list:";

    /// <summary>This process's share of the cores that it may use, which mpirun may have given it alone.</summary>
    public static int Share(ProcessGroup group)
    {
        byte[] own = Encoding.UTF8.GetBytes($"{group.HostOf(group.Rank)} {Allowed()}");
        return Share(Environment.ProcessorCount, group.AllGather(own).Count(other => other.AsSpan().SequenceEqual(own)));
    }

    public static int Share(int cores, int processes) => Math.Max(1, cores / processes);

    // Empty where the system does not tell: then all cores are everybody's.
    private static string Allowed() =>
        File.Exists(StatusFile) ? File.ReadLines(StatusFile).FirstOrDefault(line => line.StartsWith(AllowedCores, StringComparison.Ordinal)) ?? "" : "";
}
