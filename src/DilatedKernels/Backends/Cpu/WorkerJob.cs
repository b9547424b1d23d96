using System.Runtime.ExceptionServices;
using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// A job of a <see cref="WorkerPool"/>. Every slot has a stretch of the pieces and takes them from its front; a thread whose own are done
/// takes those of others from the back.
/// </summary>
internal sealed class WorkerJob
{
    // A cache line and the one beside it, which the processor fetches with it.
    private const int Spacing = 128 / sizeof(long);

    private readonly int _pieces;
    private readonly int _slots;
    private readonly Action<int, int> _body;
    private readonly long[] _left;
    private int _done;
    private ExceptionDispatchInfo? _error;

    public WorkerJob(int pieces, int slots, Action<int, int> body)
    {
        (_pieces, _slots, _body) = (pieces, slots, body);
        _left = new long[(slots + 1) * Spacing];
        for (int slot = 0; slot < slots; slot++)
        {
            Left(slot) = Stretch((int)((long)pieces * slot / slots), (int)((long)pieces * (slot + 1) / slots));
        }
    }

    public bool IsDone => Volatile.Read(ref _done) == _pieces;

    public void ThrowIfFailed() => _error?.Throw();

    /// <summary>Runs pieces until none is left that nobody has taken. A slot that the job does not have runs none.</summary>
    public void Run(int slot)
    {
        int done = 0;
        for (int i = 0; i < _slots && slot < _slots; i++)
        {
            int victim = (slot + i) % _slots;
            while (TryTake(victim, fromFront: i == 0, out int piece))
            {
                RunPiece(piece, slot);
                done++;
            }
        }

        Interlocked.Add(ref _done, done);
    }

    private void RunPiece(int piece, int slot)
    {
        Watchdog.Mark();
        try
        {
            // Once a piece has failed, the rest of the result does not matter.
            if (_error is null)
            {
                _body(piece, slot);
            }
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(error), null);
        }
    }

    private bool TryTake(int slot, bool fromFront, out int piece)
    {
        ref long left = ref Left(slot);
        for (long found = Volatile.Read(ref left); ;)
        {
            (int begin, int end) = ((int)(found >> 32), (int)found);
            piece = fromFront ? begin : end - 1;
            if (begin >= end)
            {
                return false;
            }

            long now = Interlocked.CompareExchange(ref left, fromFront ? Stretch(begin + 1, end) : Stretch(begin, end - 1), found);
            if (now == found)
            {
                return true;
            }

            found = now;
        }
    }

    private ref long Left(int slot) => ref _left[(slot + 1) * Spacing];

    private static long Stretch(int begin, int end) => ((long)begin << 32) | (uint)end;
}
