using DilatedKernels.Cuda;
using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// Events between the kernels of a stream, so that whoever waits for its end can tell a GPU that goes on from one that hangs: each one that has happened is a sign for the <see cref="Watchdog"/>. Where nobody
/// watches there are none.
/// </summary>
internal sealed class Milestones(ICudaContext context, StreamHandle stream)
{
    /// <summary>Launches from one to the next: few enough to be over in seconds on a slow GPU, too many for an event among them to cost anything.</summary>
    public const int Interval = 32;

    private readonly Queue<EventHandle> _ahead = new();
    private readonly Stack<EventHandle> _free = new();
    private int _launches;

    /// <summary>A kernel has been queued.</summary>
    public void Count()
    {
        if (!Watchdog.IsWatched || ++_launches < Interval)
        {
            return;
        }

        _launches = 0;
        Look();
        EventHandle milestone = _free.TryPop(out EventHandle free) ? free : context.CreateEvent(timing: false);
        try
        {
            context.Record(milestone, stream);
        }
        catch
        {
            _free.Push(milestone);
            throw;
        }

        _ahead.Enqueue(milestone);
    }

    /// <summary>Takes note of those that have happened.</summary>
    public void Look()
    {
        while (_ahead.TryPeek(out EventHandle next) && context.HasHappened(next))
        {
            Pass();
        }
    }

    /// <summary>Waits for all.</summary>
    public void Wait()
    {
        while (_ahead.TryPeek(out EventHandle next))
        {
            context.Synchronize(next);
            Pass();
        }
    }

    /// <summary>Gives the events back; the stream has passed all of them, or will be heard of no more.</summary>
    public void Free()
    {
        foreach (EventHandle milestone in _free.Concat(_ahead))
        {
            context.DestroyEvent(milestone);
        }

        _free.Clear();
        _ahead.Clear();
    }

    private void Pass()
    {
        _free.Push(_ahead.Dequeue());
        Watchdog.Mark();
    }
}
