namespace DilatedKernels.Backends;

/// <summary>
/// What a replayed step gets anew, beside the contents of its input and labels. Everything else that a step hands to kernels is as it was recorded.
/// </summary>
/// <param name="LearningRate">The optimizer's rate.</param>
/// <param name="OptimizerStep">The number of the update, from 1.</param>
/// <param name="Seed">The seed of all random numbers; the same in every step.</param>
/// <param name="RandomStep">The number that tells this step's random numbers from the others'; a step in parts has one more for each part after the first.</param>
/// <param name="Labels">The labels, or the first part of them; how many are valid changes with them.</param>
internal sealed record StepScalars(float LearningRate, long OptimizerStep, ulong Seed, ulong RandomStep, LabelMap Labels);
