using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace DilatedKernels.Measuring;

/// <summary>
/// Tells whether something else slows the processor's cores down just now: other programs, or those of others on the other half of a core that a virtual machine has a half of, which no
/// counter of the system shows. Such a neighbour takes half of a core's instructions and leaves, say, its multiply-adds alone, so that one layer may take half as long again, and another no longer than ever.
/// </summary>
/// <param name="threads">As many cores are looked at, at once.</param>
internal sealed class CoreProbe(int threads)
{
    private const int Steps = 400_000;

    private readonly double[] _times = new double[threads];

    /// <summary>Nanoseconds of a step of the loop, on the slowest of the cores.</summary>
    public double Measure()
    {
        using var start = new Barrier(threads);
        Thread[] others = [.. Enumerable.Range(1, threads - 1).Select(i => new Thread(() => Run(start, i)))];
        Array.ForEach(others, thread => thread.Start());
        Run(start, 0);
        Array.ForEach(others, thread => thread.Join());
        return _times.Max();
    }

    private void Run(Barrier start, int thread)
    {
        start.SignalAndWait();
        long began = Stopwatch.GetTimestamp();
        long sum = Add(Steps, began);
        TimeSpan took = Stopwatch.GetElapsedTime(began);

        // The sum is used, so that it is computed.
        _times[thread] = took.TotalNanoseconds / (Steps + (sum & 1));
    }

    // More than a core can add at once, so that it has no instruction to spare for a neighbour. Not left to tiered compilation: its first version would be measured as a slow core.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static long Add(int steps, long seed)
    {
        long a = seed, b = seed + 1, c = seed + 2, d = seed + 3, e = seed + 4, f = seed + 5;
        for (; steps > 0; steps--)
        {
            a += seed;
            b += a ^ seed;
            c += seed;
            d += c ^ seed;
            e += seed;
            f += e ^ seed;
        }

        return a ^ b ^ c ^ d ^ e ^ f;
    }
}
