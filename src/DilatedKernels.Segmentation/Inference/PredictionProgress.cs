namespace DilatedKernels.Segmentation.Inference;

/// <summary>How far the prediction of an image is.</summary>
/// <param name="Done">How many of its windows, tiles or views are done.</param>
/// <param name="All">How many there are.</param>
public readonly record struct PredictionProgress(int Done, int All);
