using System.Diagnostics;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;

namespace DilatedKernels.Distributed.Nccl;

/// <summary>
/// The GPU of this process joined with those of the others, one each: a communicator, and a stream of its own on which numbers travel while the backend's computes. Closed with the device or with the group,
/// whichever goes first.
/// </summary>
internal sealed class NcclLink : IDisposable
{
    // What is almost there is looked for at once.
    private static readonly TimeSpan LookAtOnce = TimeSpan.FromMilliseconds(2);

    // For the process at fault to tell of it first.
    private static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(3);

    private readonly ProcessGroup _group;
    private readonly NcclCommunicator _communicator;
    private int _open;
    private bool _closed;

    /// <param name="group">The processes.</param>
    /// <param name="backend">This one's GPU.</param>
    /// <param name="communicator">Owned from now on.</param>
    /// <param name="number">Which of the group's links it is, from 1, the same on all.</param>
    public NcclLink(ProcessGroup group, CudaBackend backend, NcclCommunicator communicator, int number)
    {
        (_group, Backend, _communicator, Number) = (group, backend, communicator, number);
        Stream = backend.Context.CreateStream();
        backend.Closing += Dispose;
        group.WhenBroken(Abort);
    }

    public CudaBackend Backend { get; }

    public ICudaContext Context => Backend.Context;

    /// <summary>Where numbers travel.</summary>
    public StreamHandle Stream { get; }

    public int Number { get; }

    public bool IsClosed => Volatile.Read(ref _closed);

    /// <summary>A sum of the group: may be begun again when it is there.</summary>
    public NcclSum NewSum(int parts, int length) => new(_group, this, parts, length);

    /// <summary>Sends to and receives from every other process, beginning with the next, so that they do not all turn to the same one.</summary>
    /// <remarks>The first one may wait for the others: NCCL connects those that it has not connected yet.</remarks>
    public void Exchange(Action<NcclCommunicator, int> send, Action<NcclCommunicator, int> receive) => _group.WhileBlocked(() => Guard(() => _communicator.Together(() =>
    {
        int size = _group.Size;
        for (int distance = 1; distance < size; distance++)
        {
            receive(_communicator, (_group.Rank - distance + size) % size);
            send(_communicator, (_group.Rank + distance) % size);
        }
    })));

    /// <summary>Notes that a sum is under way.</summary>
    public void Open()
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        _open++;
    }

    /// <summary>Waits for the event behind a sum, or for what makes it hopeless.</summary>
    /// <param name="filled">The event behind what this process adds to it: until then nobody else can be waited for.</param>
    /// <param name="done">The event behind the sum.</param>
    public void Finish(EventHandle filled, EventHandle done)
    {
        using (Watchdog.EnterDeviceWait())
        {
            WaitFor(filled);
        }

        _group.WhileBlocked(() => WaitFor(done));
        _open--;
    }

    /// <summary>Ends what is under way: another process has failed, or this one, and the GPU would wait for ever.</summary>
    public void Abort() => _communicator.Abort();

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, true))
        {
            return;
        }

        Backend.Closing -= Dispose;
        if (_open > 0)
        {
            _communicator.Abort();
        }

        _communicator.Dispose();
        try
        {
            Context.DestroyStream(Stream);
        }
        catch (CudaException)
        {
            // The device has a fault, which was told; what goes with it needs no word.
        }
    }

    private void WaitFor(EventHandle awaited)
    {
        long began = Stopwatch.GetTimestamp();
        while (!HasHappened(awaited))
        {
            if (Stopwatch.GetElapsedTime(began) < LookAtOnce)
            {
                _ = Thread.Yield();
            }
            else
            {
                Thread.Sleep(1);
            }
        }
    }

    private bool HasHappened(EventHandle awaited)
    {
        bool happened = false;
        Guard(() =>
        {
            _communicator.ThrowIfFailed();
            Backend.LookAtProgress();
            happened = Context.HasHappened(awaited);
        });
        return happened;
    }

    private void Guard(Action action)
    {
        _group.ThrowIfBroken();
        try
        {
            action();
        }
        catch (NcclException e)
        {
            if (e.MayBeAnothers)
            {
                _group.WaitUntilBroken(Courtesy);
            }

            _communicator.Abort();
            _group.ThrowIfBroken();
            throw _group.AtFault(_group.Rank, e.Message);
        }
        catch (ObjectDisposedException)
        {
            // Aborted meanwhile.
            _group.ThrowIfBroken();
            throw;
        }
    }
}
