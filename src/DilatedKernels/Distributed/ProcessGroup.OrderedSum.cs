namespace DilatedKernels.Distributed;

/// <content>The sum over parts as messages: a slice of every node to its owner, then the sum of each slice to all.</content>
public abstract partial class ProcessGroup
{
    private async Task<bool> OrderedSumAsync(NumberedCall call, OrderedSum sum)
    {
        PinnedArray[] nodes = [.. sum.Nodes.Select(node => new PinnedArray(node, sizeof(float) * (long)node.Length))];
        var result = new PinnedArray(sum.Result, sizeof(float) * (long)sum.Result.Length);
        (long begin, long length) = sum.SliceOf(Rank);

        int received = Enumerable.Range(0, Size).Where(rank => rank != Rank).Sum(rank => sum.NodesOf(rank).Count);
        var memory = new NativeBlock(received * length);
        var slices = new Block[Size][];
        long at = 0;
        for (int rank = 0; rank < Size; rank++)
        {
            slices[rank] = new Block[sum.NodesOf(rank).Count];
            for (int i = 0; i < slices[rank].Length; i++)
            {
                slices[rank][i] = rank == Rank ? nodes[i].Block.Slice(begin, length) : memory.Block.Slice(at, length);
                at += rank == Rank ? 0 : length;
            }
        }

        await Exchange(
            rank => SendMessage(rank, call, [.. nodes.Select(node => Slice(node.Block, sum.SliceOf(rank)))]),
            rank => ReceiveMessage(rank, call, slices[rank])).ConfigureAwait(false);

        // All nodes have been sent, so the result may take the place of one.
        Block own = result.Block.Slice(begin, length);
        sum.Add([.. slices.SelectMany(blocks => blocks)], own);
        memory.Dispose();
        await Exchange(
            rank => SendMessage(rank, call, own),
            rank => ReceiveMessage(rank, call, Slice(result.Block, sum.SliceOf(rank)))).ConfigureAwait(false);

        foreach (PinnedArray node in nodes)
        {
            node.Dispose();
        }

        result.Dispose();
        return true;
    }

    /// <summary>Sends to and receives from every other process, beginning with the next, so that they do not all turn to the same one.</summary>
    private Task Exchange(Func<int, Task> send, Func<int, Task> receive)
    {
        var transfers = new List<Task>();
        for (int distance = 1; distance < Size; distance++)
        {
            transfers.Add(receive((Rank - distance + Size) % Size));
            transfers.Add(send((Rank + distance) % Size));
        }

        return Task.WhenAll(transfers);
    }

    private static Block Slice(Block block, (long Begin, long Length) slice) => block.Slice(slice.Begin, slice.Length);
}
