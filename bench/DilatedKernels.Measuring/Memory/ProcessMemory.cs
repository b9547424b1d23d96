using System.Globalization;

namespace DilatedKernels.Measuring;

/// <summary>What a process has of the machine's memory, as Linux counts it.</summary>
internal static class ProcessMemory
{
    /// <summary>Bytes that are resident now.</summary>
    public static long Resident(int process) => Read(process, "VmRSS:");

    /// <summary>The most bytes that were resident at once.</summary>
    public static long Peak(int process) => Read(process, "VmHWM:");

    private static long Read(int process, string field)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/status");
        string line = File.ReadLines(path).FirstOrDefault(text => text.StartsWith(field, StringComparison.Ordinal))
            ?? throw new PeerException($"{path} does not say {field.TrimEnd(':')}; the process has ended.");
        return 1024 * long.Parse(line.AsSpan(field.Length, line.Length - field.Length - "kB".Length).Trim(), CultureInfo.InvariantCulture);
    }
}
