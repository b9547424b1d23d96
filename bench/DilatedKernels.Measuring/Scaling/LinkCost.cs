namespace DilatedKernels.Measuring;

/// <summary>What a sum over processes takes where nothing else is to do: so long for few values, and for many a line over the bytes that each process sends.</summary>
/// <param name="Short">Milliseconds of a sum of few values.</param>
/// <param name="Line">Many values.</param>
internal readonly record struct LinkCost(double Short, ExchangeFit Line)
{
    /// <summary>Up to so many bytes a sum takes as long as one of a single value.</summary>
    public const long FewBytes = 1 << 16;

    /// <summary>Delays of the link, one after the other, in a sum: there, and the result back.</summary>
    public const int Delays = 2;

    /// <summary>What measured sums tell.</summary>
    /// <param name="rows">Of one number of processes: one of few values, and two or more of many.</param>
    public static LinkCost Of(IReadOnlyCollection<ExchangeRow> rows) => new(
        rows.Where(row => row.BytesSent <= FewBytes).Average(row => row.Time.Median),
        ExchangeFit.Of(rows.Where(row => row.BytesSent > FewBytes)));

    /// <summary>What is to be expected of a link by its numbers, where programs and libraries take what they took without one.</summary>
    /// <param name="link">The link of each process.</param>
    public LinkCost Over(Link link)
    {
        double delay = link.Delay.TotalMilliseconds;
        return new LinkCost(
            Short + (Delays * delay),
            new ExchangeFit(Line.Latency + (Delays * delay), Math.Min(Line.MegabytesPerSecond, link.MegabitsPerSecond / 8)));
    }

    /// <summary>Milliseconds of a sum before and behind its bytes.</summary>
    public double Latency(double bytes) => bytes <= FewBytes ? Short : Line.Latency;

    /// <summary>Milliseconds in which a sum's bytes keep the link busy.</summary>
    public double Transfer(double bytes) => bytes <= FewBytes ? 0 : 1e-3 * bytes / Line.MegabytesPerSecond;
}
