namespace DilatedKernels.Measuring;

/// <summary>How long to measure.</summary>
public sealed record MeasuringOptions
{
    /// <summary>Time spent before anything counts: the just-in-time compiler, caches and clocks settle. At least three runs.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Time spent on samples, once there are <see cref="MinimumSamples"/>.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>The fewest samples.</summary>
    public int MinimumSamples { get; init; } = 5;

    /// <summary>The most samples.</summary>
    public int MaximumSamples { get; init; } = 200;

    /// <summary>Runs are grouped until a group takes this long: the clock's own cost and resolution vanish in it.</summary>
    public TimeSpan Group { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>A side's turn in a comparison: so many seconds of samples, once there are enough, and half as many before.</summary>
    public static MeasuringOptions OfTurn(double seconds) => new() { Duration = TimeSpan.FromSeconds(seconds), WarmUp = TimeSpan.FromSeconds(seconds / 2) };
}
