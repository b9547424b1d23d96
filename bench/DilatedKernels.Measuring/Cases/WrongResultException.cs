namespace DilatedKernels.Measuring;

/// <summary>What was to be timed computes something else than its definition.</summary>
public sealed class WrongResultException(string message) : Exception(message);
