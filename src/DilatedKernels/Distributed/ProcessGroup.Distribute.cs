using System.Buffers.Binary;

namespace DilatedKernels.Distributed;

/// <content>Work that processes take as they come for it: every other process asks rank 0 for a piece, and tells with the next question what became of it.</content>
public abstract partial class ProcessGroup
{
    /// <summary>
    /// Does pieces of work, each on one process, which takes the next when it is done with the last: a slow piece or process leaves no other idle but at the end.
    /// </summary>
    /// <param name="count">The number of pieces, 0 or more; the same on every process.</param>
    /// <param name="work">Does a piece, by its number from 0, on this process, and gives what to tell rank 0 of it. Without calls of the group.</param>
    /// <param name="done">At rank 0 gets the number of each piece and what was told of it, one after the other as they come, on another thread. Not called elsewhere.</param>
    /// <param name="cancellation">Where it is cancelled on any process, none begins another piece. <paramref name="work"/> may then throw <see cref="OperationCanceledException"/>: its piece is not done.</param>
    /// <returns>Whether all pieces were done; the same on every process. Rank 0 has then heard of all that were.</returns>
    /// <remarks>Pieces are begun in the order of their numbers. Which process does which depends on how fast they are.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call.</exception>
    public bool Distribute(int count, Func<int, byte[]> work, Action<int, byte[]> done, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(done);
        NumberedCall call = NextCall(new Call(CallKind.Distribute, count));
        using WorkQueue? queue = Rank == 0 ? new WorkQueue(count, done) : null;
        Task serving = queue is null ? Task.CompletedTask : Task.WhenAll(Enumerable.Range(1, Size - 1).Select(rank => Serve(rank, call, queue)));
        Func<NumberedCall, WorkReport, Task<int>> ask = queue is null ? AskAsync : (_, report) => TakeAsync(queue, report);

        long doneHere = 0;
        var report = new WorkReport(WorkQueue.None, cancellation.IsCancellationRequested, []);
        while (Wait(Run(call, ask, report)) is var piece && piece != WorkQueue.None)
        {
            report = Do(piece, work, cancellation);
            doneHere += report.Piece == WorkQueue.None ? 0 : 1;
        }

        // Who comes here first waits for those that are at their last piece.
        long all = Sum([doneHere])[0];
        WaitAny(serving, CancellationToken.None);
        queue?.Finish();
        return all == count;
    }

    private static WorkReport Do(int piece, Func<int, byte[]> work, CancellationToken cancellation)
    {
        try
        {
            cancellation.ThrowIfCancellationRequested();
            byte[] told = work(piece);
            return new WorkReport(piece, cancellation.IsCancellationRequested, told);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return new WorkReport(WorkQueue.None, IsLast: true, []);
        }
    }

    // Rank 0 waits for nobody, and would go on alone.
    private Task<int> TakeAsync(WorkQueue queue, WorkReport report)
    {
        if (_broken.Task.IsCompleted)
        {
            _broken.Task.GetAwaiter().GetResult();
        }

        return Task.FromResult(queue.Next(report));
    }

    private async Task<int> AskAsync(NumberedCall call, WorkReport report)
    {
        await SendBytes(0, call, report.ToBytes()).ConfigureAwait(false);
        return BinaryPrimitives.ReadInt32LittleEndian(await ReceiveBytes(0, call).ConfigureAwait(false));
    }

    // Not among the open calls of this process, which computes meanwhile.
    private async Task Serve(int rank, NumberedCall call, WorkQueue queue)
    {
        try
        {
            int piece;
            do
            {
                piece = queue.Next(WorkReport.Of(await ReceiveBytes(rank, call).ConfigureAwait(false)));
                byte[] answer = new byte[sizeof(int)];
                BinaryPrimitives.WriteInt32LittleEndian(answer, piece);
                await SendBytes(rank, call, answer).ConfigureAwait(false);
            }
            while (piece != WorkQueue.None);
        }
        catch (Exception e)
        {
            Break(e);
            throw;
        }
    }
}
