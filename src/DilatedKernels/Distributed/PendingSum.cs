namespace DilatedKernels.Distributed;

/// <summary>A sum over processes that is under way (<see cref="ProcessGroup.BeginSum"/>).</summary>
public sealed class PendingSum
{
    private readonly ProcessGroup _group;
    private readonly Task _sum;

    internal PendingSum(ProcessGroup group, Task sum)
    {
        _group = group;
        _sum = sum;
    }

    /// <summary>Whether it is there, or has failed.</summary>
    public bool IsCompleted => _sum.IsCompleted;

    /// <summary>Waits until the sum is there.</summary>
    /// <param name="cancellation">Ends the wait, not the sum: the other processes count on it.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled; the sum is still under way.</exception>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call.</exception>
    public void Wait(CancellationToken cancellation = default)
    {
        _group.WaitAny(_sum, cancellation);
        _sum.GetAwaiter().GetResult();
    }
}
