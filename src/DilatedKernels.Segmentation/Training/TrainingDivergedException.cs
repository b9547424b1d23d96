using System.Globalization;

namespace DilatedKernels.Segmentation.Training;

/// <summary>A training step met a number that is not finite. The weights are as before the step, and so are the checkpoints.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Names the step.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="loss">Its loss, or null where the step did not get so far.</param>
    /// <param name="cause">Where the first number began that is not finite, or null where that was not found.</param>
    public TrainingDivergedException(long step, float? loss, NonFiniteException? cause = null)
        : base(Describe(step, loss, cause?.Message), cause)
    {
        Step = step;
        Loss = loss ?? float.NaN;
    }

    /// <summary>Names a step of a group of processes, all of which throw it.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="where">Where the first number began that is not finite, and in which process; null where that was not found.</param>
    internal TrainingDivergedException(long step, float loss, string? where)
        : base(Describe(step, loss, where))
    {
        Step = step;
        Loss = loss;
        IsCommon = true;
    }

    /// <summary>Names a step whose update spoilt a weight.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="spoilt">The weight.</param>
    public TrainingDivergedException(long step, Parameter spoilt)
        : base($"After the update of step {step + 1} the parameter '{spoilt?.Name}' holds a number that is not finite. Training stopped; the last checkpoint is intact. A lower learning rate is the usual cure.")
    {
        Step = step;
        Loss = float.NaN;
    }

    /// <summary>The step, from 0.</summary>
    public long Step { get; }

    /// <summary>The loss, or NaN where the step did not get so far.</summary>
    public float Loss { get; }

    /// <summary>Whether every process of a group throws it, for the same step.</summary>
    internal bool IsCommon { get; init; }

    private static string Describe(long step, float? loss, string? cause)
    {
        string what = loss is { } value ? string.Create(CultureInfo.InvariantCulture, $"The loss of step {step + 1} is {value}.") : $"Step {step + 1} met a number that is not finite.";
        string where = cause is null ? "" : " " + cause;
        return $"{what}{where} Training stopped before that step's update; the last checkpoint is intact. A lower learning rate is the usual cure.";
    }
}
