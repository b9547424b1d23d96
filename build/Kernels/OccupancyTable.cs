using System.Globalization;
using System.Text;

namespace DilatedKernels.Build.Kernels;

/// <summary>Writes registers, shared memory and occupancy of every kernel as a table under bench/results.</summary>
internal static class OccupancyTable
{
    public const string Path = "bench/results/kernels/README.md";

    public static void Write(IEnumerable<KernelReport> reports, Version nvcc)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        File.WriteAllText(Path, Format(reports, nvcc));
        Console.WriteLine($"Wrote {Path}.");
    }

    private static string Format(IEnumerable<KernelReport> reports, Version nvcc)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # What the compiler made of the kernels

            Written by `./build.sh kernels --table` with nvcc {nvcc} on {DateTime.UtcNow:yyyy-MM-dd}. Spills and stack are bytes a thread and have to be 0.
            Shared memory is a block's, without what a launch adds to it. Occupancy is the share of a multiprocessor's threads that can be
            resident at the block size of the kernel's launch bounds; a kernel without launch bounds, or with shared memory from the launch
            alone, can have less.

            | kernel | code | threads | registers | shared | spills | stack | 128-bit loads | occupancy |
            |---|---|---:|---:|---:|---:|---:|---:|---:|

            """);
        foreach (KernelReport r in reports.OrderBy(r => r.File, StringComparer.Ordinal).ThenBy(r => r.Name, StringComparer.Ordinal).ThenBy(r => r.Architecture, StringComparer.Ordinal))
        {
            int wide = r.Count("LDG", "128") + r.Count("LDGSTS", "128");
            text.Append(CultureInfo.InvariantCulture,
                $"| {r.Name} | {r.Architecture} | {(r.MaxThreads == 0 ? "any" : r.MaxThreads)} | {r.Registers} | {r.SharedBytes} | {r.SpillStoreBytes + r.SpillLoadBytes} | {r.StackBytes} | {wide} | {Occupancy(r)} |\n");
        }

        return text.ToString();
    }

    private static string Occupancy(KernelReport report)
    {
        if (report.MaxThreads == 0 || Multiprocessor.Of(report.Architecture) is not Multiprocessor sm)
        {
            return "";
        }

        int resident = sm.ResidentBlocks(report.MaxThreads, report.Registers, report.SharedBytes) * report.MaxThreads;
        return string.Create(CultureInfo.InvariantCulture, $"{100.0 * resident / sm.Threads:F0} %");
    }
}
