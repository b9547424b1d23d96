namespace DilatedKernels.Measuring;

/// <summary>Milliseconds of a step that several processes share.</summary>
/// <param name="Step">From begin to end.</param>
/// <param name="Waited">Of these, with nothing to compute.</param>
internal readonly record struct StepTime(double Step, double Waited);

/// <summary>
/// How long processes take for a step that they share, each with as many images as one alone. It begins with a sum of few values, the labels' counts. A sum of gradients begins when they are there
/// and the link has sent those before, keeps the link busy for bytes / bandwidth, and is done a latency later; other sums go on meanwhile. The step ends when the last sum is done and the rest is computed.
/// </summary>
internal static class ScalingModel
{
    /// <summary>The bytes that each process sends in a sum of float32 values.</summary>
    public static double BytesSent(long values, int processes) => 2.0 * sizeof(float) * values * (processes - 1) / processes;

    /// <summary>Predicts a step.</summary>
    /// <param name="alone">What each process computes.</param>
    /// <param name="cost">Of sums.</param>
    /// <param name="processes">How many there are.</param>
    /// <param name="overlaps">Whether sums begin before all is computed.</param>
    public static StepTime Predict(StepProfile alone, LinkCost cost, int processes, bool overlaps = true)
    {
        if (processes == 1)
        {
            return new StepTime(alone.Milliseconds, 0);
        }

        double sent = 0;
        double done = 0;
        foreach ((double at, long values) in alone.Sums)
        {
            double bytes = BytesSent(values, processes);
            sent = Math.Max(sent, overlaps ? at : alone.Computed) + cost.Transfer(bytes);
            done = Math.Max(done, sent + cost.Latency(bytes));
        }

        // The losses, which are few values.
        done = Math.Max(done, Math.Max(sent, alone.Computed) + cost.Short);
        double waited = cost.Short + done - alone.Computed;
        return new StepTime(alone.Milliseconds + waited, waited);
    }
}
