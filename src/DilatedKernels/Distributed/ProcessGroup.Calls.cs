namespace DilatedKernels.Distributed;

/// <content>How calls are made of messages.</content>
public abstract partial class ProcessGroup
{
    // What ends all calls: a failure here or elsewhere.
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _calls;

    /// <summary>Waits for a call, or for what makes it hopeless.</summary>
    internal T Wait<T>(Task<T> call)
    {
        WaitAny(call, CancellationToken.None);
        return call.GetAwaiter().GetResult();
    }

    internal void WaitAny(Task call, CancellationToken cancellation) => WhileBlocked(() =>
    {
        if (Task.WaitAny([call, _broken.Task], cancellation) == 1)
        {
            _broken.Task.GetAwaiter().GetResult();
        }
    });

    /// <summary>Waits for others in some way: meanwhile this process does not hang, whatever it does not do.</summary>
    internal void WhileBlocked(Action wait)
    {
        Log.Block();
        try
        {
            wait();
        }
        finally
        {
            Log.Unblock();
        }
    }

    /// <summary>Ends all calls of this process, those under way and those to come.</summary>
    private protected void Break(Exception reason) => _broken.TrySetException(reason);

    private Task<TResult> Run<TArgument, TResult>(Call call, Func<NumberedCall, TArgument, Task<TResult>> body, TArgument argument) =>
        Run(NextCall(call), body, argument);

    // More than once for one call where it is made in steps, between which this process computes.
    private async Task<TResult> Run<TArgument, TResult>(NumberedCall call, Func<NumberedCall, TArgument, Task<TResult>> body, TArgument argument)
    {
        try
        {
            Log.Begin(call);
            Noted();
            TResult result = await body(call, argument).ConfigureAwait(false);
            Log.End(call);
            return result;
        }
        catch (Exception e)
        {
            Break(e);
            throw;
        }
    }

    private NumberedCall NextCall(Call call)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new NumberedCall(_calls++, call);
    }

    private async Task<long[]> SumAsync(NumberedCall call, long[] values)
    {
        byte[] bytes = new byte[Buffer.ByteLength(values)];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        byte[][] all = await GatherAsync(call, bytes).ConfigureAwait(false);
        long[] sum = new long[values.Length];
        if (Rank == 0)
        {
            long[] other = new long[values.Length];
            foreach (byte[] message in all)
            {
                Buffer.BlockCopy(message, 0, other, 0, message.Length);
                for (int i = 0; i < sum.Length; i++)
                {
                    sum[i] = unchecked(sum[i] + other[i]);
                }
            }

            Buffer.BlockCopy(sum, 0, bytes, 0, bytes.Length);
        }

        bytes = await SpreadAsync(call, bytes, root: 0).ConfigureAwait(false);
        Buffer.BlockCopy(bytes, 0, sum, 0, bytes.Length);
        return sum;
    }

    private async Task<byte[][]> GatherAsync(NumberedCall call, byte[] message)
    {
        if (Rank != 0)
        {
            await SendBytes(0, call, message).ConfigureAwait(false);
            return [];
        }

        Task<byte[]>[] messages = [.. Enumerable.Range(0, Size).Select(rank => rank == 0 ? Task.FromResult(message) : ReceiveBytes(rank, call))];
        return await Task.WhenAll(messages).ConfigureAwait(false);
    }

    private async Task<byte[][]> AllGatherAsync(NumberedCall call, byte[] message)
    {
        byte[][] messages = await GatherAsync(call, message).ConfigureAwait(false);
        byte[] packed = await SpreadAsync(call, PackedMessages.Pack(messages), root: 0).ConfigureAwait(false);
        return PackedMessages.Unpack(packed, Size);
    }

    private Task<byte[]> BroadcastAsync(NumberedCall call, byte[] data) => SpreadAsync(call, data, (int)call.Call.Detail);

    /// <summary>
    /// Brings the root's bytes to all through a binomial tree: counted from the root, a process gets them from the one whose number lacks its lowest
    /// bit, and sends them to those that differ in one lower bit.
    /// </summary>
    private async Task<byte[]> SpreadAsync(NumberedCall call, byte[] data, int root)
    {
        int place = (Rank - root + Size) % Size;
        int bit = 1;
        while (bit < Size && (place & bit) == 0)
        {
            bit <<= 1;
        }

        if (place != 0)
        {
            data = await ReceiveBytes((place - bit + root) % Size, call).ConfigureAwait(false);
        }

        var sends = new List<Task>();
        for (bit >>= 1; bit > 0; bit >>= 1)
        {
            if (place + bit < Size)
            {
                sends.Add(SendBytes((place + bit + root) % Size, call, data));
            }
        }

        await Task.WhenAll(sends).ConfigureAwait(false);
        return data;
    }

    private async Task SendBytes(int to, NumberedCall call, byte[] data)
    {
        var pinned = new PinnedArray(data, data.Length);
        await SendMessage(to, call, pinned.Block).ConfigureAwait(false);
        pinned.Dispose();
    }

    // Memory is given back only when all went well: after a failure bytes may still arrive in it.
    private async Task SendMessage(int to, NumberedCall call, params Block[] payload)
    {
        var header = new NativeBlock(MessageHeader.Bytes);
        MessageHeader.Write(header.Block, call, payload.Sum(block => block.Length));
        await Task.WhenAll([Send(to, call.Tag, header.Block), .. payload.Where(block => block.Length > 0).Select(block => Send(to, call.Tag, block))]).ConfigureAwait(false);
        header.Dispose();
    }

    /// <summary>Receives a message of known length.</summary>
    /// <remarks>Its bytes are asked for when the header has said how many they are: Open MPI 4.1 writes what is too long beyond the end of the memory that it was given.</remarks>
    private async Task ReceiveMessage(int from, NumberedCall call, params Block[] payload)
    {
        long length = await ReceiveHeader(from, call).ConfigureAwait(false);
        if (length != payload.Sum(block => block.Length))
        {
            throw AtFault(from, $"sent {length} bytes where {payload.Sum(block => block.Length)} were expected in {call}");
        }

        await Task.WhenAll(payload.Where(block => block.Length > 0).Select(block => Receive(from, call.Tag, block)).ToArray()).ConfigureAwait(false);
    }

    private async Task<byte[]> ReceiveBytes(int from, NumberedCall call)
    {
        long length = await ReceiveHeader(from, call).ConfigureAwait(false);
        byte[] data = new byte[length];
        if (length > 0)
        {
            var pinned = new PinnedArray(data, length);
            await Receive(from, call.Tag, pinned.Block).ConfigureAwait(false);
            pinned.Dispose();
        }

        return data;
    }

    private async Task<long> ReceiveHeader(int from, NumberedCall call)
    {
        var header = new NativeBlock(MessageHeader.Bytes);
        await Receive(from, call.Tag, header.Block).ConfigureAwait(false);
        (NumberedCall theirs, long length) = MessageHeader.Read(header.Block);
        header.Dispose();
        return theirs == call
            ? length
            : throw AtFault(from, Disagreement.Different(theirs, Rank, call));
    }

    // Told at once: what else the call waits for may never come.
    internal ProcessGroupException AtFault(int rank, string reason)
    {
        Blame(rank, reason);
        return new ProcessGroupException(this, rank, reason);
    }
}
