using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Whether a run is to end before its last step. In a group of processes, one that is asked to tells the others at the next occasion, and all end at the same place.</summary>
internal sealed class Ending(ProcessGroup? group, CancellationToken cancellation)
{
    private bool _isAgreed;

    /// <summary>For work that ends when this process is asked to; in a group none does, as the others would wait for it.</summary>
    public CancellationToken Token => group is null ? cancellation : CancellationToken.None;

    /// <summary>Whether this process has been asked to.</summary>
    public bool IsAsked => cancellation.IsCancellationRequested;

    /// <summary>Whether the run ends here.</summary>
    public bool IsDue => group is null ? IsAsked : _isAgreed;

    /// <summary>Notes that one of the processes has been asked to, as all know now.</summary>
    public void Note(bool isAsked) => _isAgreed |= isAsked;

    /// <summary>An occasion to end, for all processes alike.</summary>
    /// <exception cref="OperationCanceledException">The run ends here.</exception>
    public void ThrowIfDue()
    {
        if (group is not null)
        {
            Note(group.Sum([IsAsked ? 1 : 0])[0] > 0);
        }

        if (IsDue)
        {
            throw new OperationCanceledException(cancellation);
        }
    }
}
