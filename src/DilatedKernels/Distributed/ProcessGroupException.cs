namespace DilatedKernels.Distributed;

/// <summary>The processes of a group cannot go on together; the message names the one at fault, its host and why.</summary>
/// <param name="message">The reason.</param>
public sealed class ProcessGroupException(string message) : Exception(message);
