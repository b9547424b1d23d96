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
