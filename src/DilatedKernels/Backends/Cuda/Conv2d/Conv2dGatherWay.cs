namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>One of the ways to run a forward pass or data gradient. All of one product and architecture add up a result's products in one order: which is taken changes no bit.</summary>
/// <param name="Plan">The kernel, and in what grid.</param>
/// <param name="Columns">Result channels of its tile.</param>
internal readonly record struct Conv2dGatherWay(LaunchPlan Plan, int Columns);
