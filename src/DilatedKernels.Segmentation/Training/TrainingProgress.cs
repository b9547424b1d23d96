using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Training;

/// <summary>What a training run reports after every step.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Loss">The last step's loss.</param>
/// <param name="LearningRate">The last step's learning rate.</param>
/// <param name="ImagesPerSecond">Smoothed over recent steps; validation and checkpoints do not count.</param>
/// <param name="TimeLeft">For the remaining steps at that speed.</param>
/// <param name="Validation">The confusion matrix when a validation has just been made, else null.</param>
/// <param name="IsBest">Whether that validation is the best so far.</param>
/// <param name="Warning">What looks wrong with the run, said once, or null.</param>
public sealed record TrainingProgress(
    long Step, long Steps, float Loss, float LearningRate, double ImagesPerSecond, TimeSpan TimeLeft, ConfusionMatrix? Validation, bool IsBest, string? Warning = null)
{
    /// <summary>Of a group of processes, the one that computed longest in the step before, for whom the others waited; else null.</summary>
    public SlowestProcess? Slowest { get; init; }
}

/// <summary>The process of a group that was the slowest in a step.</summary>
/// <param name="Rank">Its number.</param>
/// <param name="Host">Its machine.</param>
/// <param name="Time">How long it computed, without waiting for others.</param>
public sealed record SlowestProcess(int Rank, string Host, TimeSpan Time);

/// <summary>How a training run ended.</summary>
/// <param name="Steps">Steps done in all.</param>
/// <param name="IsComplete">False when it was interrupted; the last checkpoint then holds the step it stopped at.</param>
/// <param name="LastLoss">The last step's loss.</param>
/// <param name="BestMeanIoU">The best validation's mean IoU in [0, 1], or NaN without validation.</param>
/// <param name="LastCheckpoint">The newest checkpoint.</param>
/// <param name="BestCheckpoint">The checkpoint of the best validation, or null without validation.</param>
/// <param name="StoppedEarly">Whether it ended before its last step, as its validations had stopped to get better (<see cref="TrainingConfig.EarlyStop"/>).</param>
public sealed record TrainingResult(
    long Steps, bool IsComplete, float LastLoss, double BestMeanIoU, string LastCheckpoint, string? BestCheckpoint, bool StoppedEarly = false)
{
    /// <summary>Why the run's page was not written, or null. What was trained is whole all the same.</summary>
    public string? ReportProblem { get; init; }
}
