namespace DilatedKernels.Segmentation.Training.TensorBoard;

/// <summary>What a step has in an event file.</summary>
/// <param name="Time">When it was done.</param>
/// <param name="Step">Steps done with it.</param>
/// <param name="Loss">Its loss.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="MeanIoU">That of a validation after it, or null.</param>
internal readonly record struct EventRow(DateTimeOffset Time, long Step, float Loss, float LearningRate, float? MeanIoU);
