using DilatedKernels.Cuda;

namespace DilatedKernels.Distributed.Nccl;

/// <summary>What joins the GPUs of some processes (<c>ncclComm_t</c>): moves float32 numbers between them, in a stream's order. One thread uses it; any may abort it.</summary>
internal sealed unsafe class NcclCommunicator : IDisposable
{
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);

    private readonly NcclLibrary _nccl;
    private readonly Lock _lock = new();
    private nint _handle;
    private Thread? _end;

    private NcclCommunicator(NcclLibrary nccl, nint handle) => (_nccl, _handle) = (nccl, handle);

    /// <summary>Makes the name of a communicator.</summary>
    public static NcclUniqueId NewId(NcclLibrary nccl)
    {
        NcclUniqueId id;
        Check(nccl, nccl.GetUniqueId(&id), "ncclGetUniqueId");
        return id;
    }

    /// <summary>Joins the others; returns when all have come.</summary>
    /// <param name="nccl">The library.</param>
    /// <param name="context">This process's GPU.</param>
    /// <param name="id">The same on all.</param>
    /// <param name="size">The number of processes.</param>
    /// <param name="rank">This process's.</param>
    public static NcclCommunicator Join(NcclLibrary nccl, ICudaContext context, NcclUniqueId id, int size, int rank)
    {
        // NCCL takes the GPU whose context is current.
        context.MakeCurrent();
        nint handle = 0;
        Check(nccl, nccl.CommInitRank(&handle, size, id, rank), "ncclCommInitRank");
        return new NcclCommunicator(nccl, handle);
    }

    /// <summary>Queues what the action sends and receives, as one: none waits for another.</summary>
    public void Together(Action action)
    {
        Check(_nccl, _nccl.GroupStart(), "ncclGroupStart");
        try
        {
            action();
        }
        catch
        {
            // NCCL counts starts and ends by thread.
            _ = _nccl.GroupEnd();
            throw;
        }

        Check(_nccl, _nccl.GroupEnd(), "ncclGroupEnd");
    }

    /// <summary>Within <see cref="Together"/>: sends values. What goes to one peer is received in its order.</summary>
    public void Send(DevicePointer source, long count, int peer, StreamHandle stream) =>
        Check(_nccl, _nccl.Send(source.Value, (nuint)count, NcclLibrary.Float32, peer, Handle, stream.Value), "ncclSend");

    /// <summary>Within <see cref="Together"/>: receives as many values as are sent.</summary>
    public void Receive(DevicePointer target, long count, int peer, StreamHandle stream) =>
        Check(_nccl, _nccl.Receive(target.Value, (nuint)count, NcclLibrary.Float32, peer, Handle, stream.Value), "ncclRecv");

    /// <summary>Throws what has failed behind the calls' backs.</summary>
    public void ThrowIfFailed()
    {
        int state = 0;
        Check(_nccl, _nccl.CommGetAsyncError(Handle, &state), "ncclCommGetAsyncError");
        if (state != NcclLibrary.InProgress)
        {
            Check(_nccl, state, "NCCL");
        }
    }

    /// <summary>Ends what is under way, so that nothing waits for it any more; once.</summary>
    public void Abort() => End(handle => _nccl.CommAbort(handle));

    /// <summary>Leaves; nothing may be under way.</summary>
    public void Dispose() => End(handle => _nccl.CommDestroy(handle));

    private nint Handle => Volatile.Read(ref _handle) is nint handle and not 0 ? handle : throw new ObjectDisposedException(nameof(NcclCommunicator));

    // It may wait for others that never come; what failed here is to be told all the same, and a process can end. Who finds it begun waits for it, too: the GPU is about to be closed.
    private void End(Func<nint, int> call)
    {
        Thread? end;
        lock (_lock)
        {
            nint handle = Interlocked.Exchange(ref _handle, 0);
            if (handle != 0)
            {
                _end = new Thread(() => _ = call(handle)) { IsBackground = true, Name = "DilatedKernels NCCL end" };
                _end.Start();
            }

            end = _end;
        }

        _ = end?.Join(EndTime);
    }

    private static void Check(NcclLibrary nccl, int code, string call)
    {
        if (code != 0)
        {
            throw new NcclException(call, code, nccl.Describe(code));
        }
    }
}
