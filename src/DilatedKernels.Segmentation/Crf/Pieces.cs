using System.Runtime.ExceptionServices;
using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>Shares work out over threads in pieces whose borders do not depend on how many threads there are.</summary>
internal sealed class Pieces
{
    private readonly int _threads;
    private readonly CancellationToken _cancellation;

    /// <param name="threads">1 or more, or 0 for one a core.</param>
    /// <param name="cancellation">Checked between pieces.</param>
    public Pieces(int threads, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        _threads = threads == 0 ? Environment.ProcessorCount : threads;
        _cancellation = cancellation;
    }

    /// <summary>Runs <paramref name="body"/>(begin, end) over [0, count) in pieces of <paramref name="grain"/>. The first exception is thrown again here.</summary>
    public void For(int count, int grain, Action<int, int> body)
    {
        int pieces = (int)(((long)count + grain - 1) / grain);
        if (_threads == 1 || pieces <= 1)
        {
            for (int piece = 0; piece < pieces; piece++)
            {
                _cancellation.ThrowIfCancellationRequested();
                Run(piece);
            }

            return;
        }

        try
        {
            Parallel.For(0, pieces, new ParallelOptions { MaxDegreeOfParallelism = _threads, CancellationToken = _cancellation }, Run);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        void Run(int piece)
        {
            Watchdog.Mark();
            body(piece * grain, (int)Math.Min(count, ((long)piece * grain) + grain));
        }
    }
}
