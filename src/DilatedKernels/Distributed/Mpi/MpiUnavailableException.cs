namespace DilatedKernels.Distributed;

/// <summary>This process is no part of an MPI job: it was not started by mpirun, or there is no MPI library; the message says which, and what helps.</summary>
/// <param name="message">The reason.</param>
public sealed class MpiUnavailableException(string message) : Exception(message);
