namespace DilatedKernels.Segmentation.Training;

/// <summary>A training step's loss was not a finite number.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Names the step.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="loss">Its loss.</param>
    public TrainingDivergedException(long step, float loss)
        : base($"The loss of step {step + 1} is {loss}. Training stopped before that step's update; the last checkpoint is intact. A lower learning rate is the usual cure.")
    {
        Step = step;
        Loss = loss;
    }

    /// <summary>The step, from 0.</summary>
    public long Step { get; }

    /// <summary>The loss.</summary>
    public float Loss { get; }
}
