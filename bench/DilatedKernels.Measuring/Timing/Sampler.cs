using System.Diagnostics;

namespace DilatedKernels.Measuring;

/// <summary>Warm-up, then samples: what every side of a comparison does with its own way to time a group of runs.</summary>
public static class Sampler
{
    /// <summary>Milliseconds of a run, one a sample.</summary>
    /// <param name="time">Runs so many times, and says how many milliseconds that took.</param>
    /// <param name="options">How long.</param>
    /// <param name="cancellation">Checked between groups of runs.</param>
    public static IReadOnlyList<double> Sample(Func<int, double> time, MeasuringOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(options);
        int runs = WarmUp(time, options, cancellation);
        var samples = new List<double>();
        long start = Stopwatch.GetTimestamp();
        while (samples.Count < options.MinimumSamples || (samples.Count < options.MaximumSamples && Stopwatch.GetElapsedTime(start) < options.Duration))
        {
            cancellation.ThrowIfCancellationRequested();
            samples.Add(time(runs) / runs);
        }

        return samples;
    }

    /// <returns>How many runs make a group.</returns>
    private static int WarmUp(Func<int, double> time, MeasuringOptions options, CancellationToken cancellation)
    {
        double least = double.PositiveInfinity;
        long start = Stopwatch.GetTimestamp();
        for (int run = 0; run < 3 || Stopwatch.GetElapsedTime(start) < options.WarmUp; run++)
        {
            cancellation.ThrowIfCancellationRequested();
            least = Math.Min(least, time(1));
        }

        return (int)Math.Clamp(Math.Ceiling(options.Group.TotalMilliseconds / Math.Max(least, 1e-4)), 1, 10_000);
    }
}
