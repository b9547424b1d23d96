using DilatedKernels.Backends;
using DilatedKernels.Distributed.Nccl;

namespace DilatedKernels.Distributed;

/// <content>GPUs whose numbers do not pass through host memory.</content>
public abstract partial class ProcessGroup
{
    private NcclLink? _link;
    private int _links;

    // It may have taken minutes to fail, and is not tried again.
    private bool _failedToStart;

    /// <summary>
    /// Finds out together whether the devices of all processes are GPUs that NCCL can join, and joins them; a call of the group. Where they are not, rank 0 says why, once. What has been joined before stays so.
    /// </summary>
    /// <param name="backend">This process's device.</param>
    /// <returns>The link, or null on every process.</returns>
    internal NcclLink? LinkOf(Backend backend)
    {
        if (_failedToStart)
        {
            return null;
        }

        NcclLink? current = _link is { IsClosed: false } link && link.Backend == backend ? link : null;
        var agreement = new NcclAgreement(this, backend);
        NcclLink? found = agreement.Link(current, _links + 1);
        _failedToStart = agreement.HasFailedToStart;
        if (found is not null && found != current)
        {
            _link?.Dispose();
            (_link, _links) = (found, found.Number);
        }

        if (agreement.WhyNot is { } whyNot && whyNot != WhyNotNccl && Rank == 0)
        {
            Tell($"Gradients pass through host memory and not by NCCL: {whyNot}.");
        }

        WhyNotNccl = agreement.WhyNot;
        return found;
    }

    /// <summary>Why the devices last looked at are not joined, the same on every process; null where they are, or where none is a GPU.</summary>
    internal string? WhyNotNccl { get; private set; }

    /// <summary>Notes a call whose bytes the group does not move itself, so that the others notice where one does not make it.</summary>
    internal OpenCall Open(Call call)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var open = new OpenCall();
        _ = Run(call, (_, done) => done, open.Done);
        ThrowIfBroken();
        return open;
    }

    internal void ThrowIfBroken()
    {
        if (_broken.Task.IsCompleted)
        {
            _broken.Task.GetAwaiter().GetResult();
        }
    }

    /// <summary>Gives whoever is at fault time to say so.</summary>
    internal void WaitUntilBroken(TimeSpan most) => _ = Task.WaitAny([_broken.Task], most);

    /// <summary>Has something done, on another thread, when the group cannot go on.</summary>
    internal void WhenBroken(Action action) => _ = _broken.Task.ContinueWith(_ => action(), TaskScheduler.Default);

    /// <summary>Gives up what is under way between GPUs.</summary>
    private protected void AbortLink() => _link?.Abort();

    /// <summary>Tells the user, at rank 0.</summary>
    private protected virtual void Tell(string line)
    {
    }

    /// <summary>A call that has been noted, until it ends.</summary>
    internal sealed class OpenCall
    {
        private readonly TaskCompletionSource<bool> _done = new();

        public Task<bool> Done => _done.Task;

        public void End() => _done.SetResult(true);
    }
}
