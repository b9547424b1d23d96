namespace DilatedKernels.Optim;

/// <summary>The learning rate as a function of the step.</summary>
public abstract record LearningRateSchedule
{
    /// <summary>The rate of a step.</summary>
    /// <param name="step">The number of steps taken before it, 0 or more.</param>
    public abstract float At(long step);
}

/// <summary>The same rate at every step.</summary>
/// <param name="Rate">The rate.</param>
public sealed record ConstantSchedule(float Rate) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override float At(long step) => Rate;
}

/// <summary>A rate that falls in steps: <c>rate · gamma^⌊step / every⌋</c> (Caffe's "step" policy).</summary>
/// <param name="Rate">The first rate.</param>
/// <param name="Gamma">The factor of each fall.</param>
/// <param name="Every">Steps between two falls, 1 or more.</param>
public sealed record StepSchedule(float Rate, float Gamma, long Every) : LearningRateSchedule
{
    /// <summary>Steps between two falls.</summary>
    public long Every { get; } = Every >= 1
        ? Every
        : throw new ArgumentOutOfRangeException(nameof(Every), Every, "The distance between two falls is 1 step or more.");

    /// <inheritdoc/>
    public override float At(long step) => (float)(Rate * Math.Pow(Gamma, step / Every));
}

/// <summary>A rate that falls to 0 along a power of what is left: <c>rate · (1 − step / total)^power</c> (Caffe's "poly" policy). 0 from <c>total</c> on.</summary>
/// <param name="Rate">The first rate.</param>
/// <param name="Power">The exponent; 0.9 is usual.</param>
/// <param name="Total">Steps in all, 1 or more.</param>
public sealed record PolySchedule(float Rate, float Power, long Total) : LearningRateSchedule
{
    /// <summary>Steps in all.</summary>
    public long Total { get; } = Total >= 1
        ? Total
        : throw new ArgumentOutOfRangeException(nameof(Total), Total, "The number of steps in all is 1 or more.");

    /// <inheritdoc/>
    public override float At(long step) => step >= Total ? 0f : (float)(Rate * Math.Pow(1.0 - ((double)step / Total), Power));
}

/// <summary>
/// A rate that falls to 0 along half a cosine: <c>rate / 2 · (1 + cos(π · step / total))</c>, 0 from <c>total</c> on (Loshchilov and Hutter 2017,
/// equation 5, with one cycle and a least rate of 0).
/// </summary>
/// <param name="Rate">The first rate.</param>
/// <param name="Total">Steps in all, 1 or more.</param>
public sealed record CosineSchedule(float Rate, long Total) : LearningRateSchedule
{
    /// <summary>Steps in all.</summary>
    public long Total { get; } = Total >= 1
        ? Total
        : throw new ArgumentOutOfRangeException(nameof(Total), Total, "The number of steps in all is 1 or more.");

    /// <inheritdoc/>
    public override float At(long step) => step >= Total ? 0f : (float)(Rate * 0.5 * (1.0 + Math.Cos(Math.PI * step / Total)));
}

/// <summary>
/// Another schedule with a linear warm-up: <c>rate(step) · (step + 1) / steps</c> in the first <c>steps</c> steps and <c>rate(step)</c> after them
/// (Goyal et al. 2017, section 2.2, "gradual warmup"). The other schedule counts from step 0, too, so the end of a run stays where it is.
/// </summary>
/// <param name="Schedule">The rate without warm-up.</param>
/// <param name="Steps">Steps of the warm-up, 1 or more; the first has 1/<c>steps</c> of the rate and the last all of it.</param>
public sealed record WarmUpSchedule(LearningRateSchedule Schedule, long Steps) : LearningRateSchedule
{
    /// <summary>The rate without warm-up.</summary>
    public LearningRateSchedule Schedule { get; } = Schedule ?? throw new ArgumentNullException(nameof(Schedule));

    /// <summary>Steps of the warm-up.</summary>
    public long Steps { get; } = Steps >= 1
        ? Steps
        : throw new ArgumentOutOfRangeException(nameof(Steps), Steps, "A warm-up has 1 step or more.");

    /// <inheritdoc/>
    public override float At(long step) => step + 1 >= Steps ? Schedule.At(step) : (float)(Schedule.At(step) * ((step + 1.0) / Steps));
}
