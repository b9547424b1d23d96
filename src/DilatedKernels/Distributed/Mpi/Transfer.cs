namespace DilatedKernels.Distributed.Mpi;

/// <summary>Bytes on their way to or from one process, in pieces. Both cut them alike.</summary>
internal sealed class Transfer(bool isSend, int peer, int tag, Block data, Pieces pieces)
{
    private readonly TaskCompletionSource _done = new();
    private readonly Queue<nint> _requests = new();
    private long _begun;

    /// <summary>Which other transfers this one must stay behind.</summary>
    public (bool IsSend, int Peer, int Tag) Lane => (isSend, peer, tag);

    public Task Done => _done.Task;

    /// <summary>Whether all of it has been handed to the library, and the next of its lane may follow.</summary>
    public bool IsHandedOver => _begun == data.Length;

    public bool IsDone => IsHandedOver && _requests.Count == 0;

    /// <summary>Hands over what may be, and looks what has arrived. Returns whether anything has.</summary>
    public unsafe bool Advance(MpiLibrary mpi, nint communicator)
    {
        while (_requests.Count < pieces.AtATime && !IsHandedOver)
        {
            int length = (int)Math.Min(pieces.Bytes, data.Length - _begun);
            void* address = (void*)(data.Address + (nint)_begun);
            nint request = 0;
            if (isSend)
            {
                mpi.Check(mpi.Send(address, length, mpi.Byte, peer, tag, communicator, &request), "MPI_Isend");
            }
            else
            {
                mpi.Check(mpi.Receive(address, length, mpi.Byte, peer, tag, communicator, &request), "MPI_Irecv");
            }

            _begun += length;
            _requests.Enqueue(request);
        }

        bool moved = false;
        while (_requests.TryPeek(out nint oldest))
        {
            if (!mpi.IsComplete(ref oldest))
            {
                break;
            }

            _ = _requests.Dequeue();
            moved = true;
        }

        return moved;
    }

    /// <summary>Lets those who wait go on, on this thread.</summary>
    public void Complete() => _done.SetResult();
}
