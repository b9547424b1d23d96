namespace DilatedKernels.Distributed;

/// <summary>The processes of a group cannot go on together; the message names the one at fault, its host and why.</summary>
public sealed class ProcessGroupException : Exception
{
    /// <summary>Says why.</summary>
    /// <param name="message">The reason.</param>
    public ProcessGroupException(string message)
        : base(message)
    {
    }

    internal ProcessGroupException(ProcessGroup group, int rank, string reason)
        : base($"{group.NameOf(rank)}: {reason}")
    {
    }
}
