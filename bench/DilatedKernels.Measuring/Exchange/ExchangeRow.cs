namespace DilatedKernels.Measuring;

/// <summary>The sum over processes of so many values, from its begin to its end.</summary>
/// <param name="Library">The MPI library.</param>
/// <param name="Processes">How many processes added.</param>
/// <param name="Values">The length of the sum.</param>
/// <param name="Milliseconds">Means of the rounds.</param>
internal sealed record ExchangeRow(string Library, int Processes, int Values, IReadOnlyList<double> Milliseconds)
{
    public Statistics Time => Statistics.Of(Milliseconds);

    /// <summary>What each process sends: its values of all slices but its own, and its own slice of the sum to all others.</summary>
    public double BytesSent => 2.0 * sizeof(float) * Values * (Processes - 1) / Processes;
}

/// <summary>Time as a straight line over the bytes that a process sends.</summary>
/// <param name="Latency">Milliseconds of no bytes.</param>
/// <param name="MegabytesPerSecond">10⁶ bytes a second, each process.</param>
internal readonly record struct ExchangeFit(double Latency, double MegabytesPerSecond)
{
    /// <summary>The line with the least squares of relative errors, so that short times count as much as long ones.</summary>
    public static ExchangeFit Of(IEnumerable<ExchangeRow> rows)
    {
        double w = 0, wx = 0, wt = 0, wxx = 0, wxt = 0;
        foreach (ExchangeRow row in rows)
        {
            double time = row.Time.Median;
            double weight = 1 / (time * time);
            w += weight;
            wx += weight * row.BytesSent;
            wt += weight * time;
            wxx += weight * row.BytesSent * row.BytesSent;
            wxt += weight * row.BytesSent * time;
        }

        double slope = ((w * wxt) - (wx * wt)) / ((w * wxx) - (wx * wx));
        return new ExchangeFit((wt - (slope * wx)) / w, 1e-3 / slope);
    }
}
