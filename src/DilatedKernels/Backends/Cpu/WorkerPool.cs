using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// A fixed set of threads that share out numbered pieces of work: to each the same stretch of them in every job, so that what one operator wrote
/// the next one finds in the same processor's cache. Which thread runs a piece in the end is not fixed; what a piece
/// computes must not depend on it. One job runs at a time; a job started from inside a piece runs on that thread alone.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    // Long enough to bridge the gap between two layers, short enough not to burn a core while a person thinks.
    private const int SpinsBeforeSleep = 2000;

    private readonly Lock _jobLock = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread[] _workers;
    private WorkerJob? _job;
    private int _version;
    private int _sleepers;
    private volatile bool _stop;

    [ThreadStatic]
    private static bool t_inside;

    public WorkerPool(int threads)
    {
        Threads = threads;
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            int slot = i + 1;
            _workers[i] = new Thread(() => Work(slot)) { IsBackground = true, Name = $"DilatedKernels worker {i + 1}" };
            _workers[i].Start();
        }
    }

    public int Threads { get; }

    /// <summary>Runs <paramref name="body"/> for 0 … pieces − 1 and returns when all are done. The first exception is thrown again here.</summary>
    public void For(int pieces, Action<int> body) => For(pieces, (piece, _) => body(piece));

    /// <summary>
    /// The same; <paramref name="body"/> gets the piece and a slot below <see cref="SlotsFor"/>. Pieces that run at one time have different slots,
    /// and a thread has the same slot in every job, so that what it left there is still in its caches.
    /// </summary>
    public void For(int pieces, Action<int, int> body)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pieces);
        if (pieces == 0)
        {
            return;
        }

        if (_workers.Length == 0 || pieces == 1 || t_inside)
        {
            for (int i = 0; i < pieces; i++)
            {
                Watchdog.Mark();
                body(i, 0);
            }

            return;
        }

        lock (_jobLock)
        {
            var job = new WorkerJob(pieces, SlotsFor(pieces), body);
            Volatile.Write(ref _job, job);
            Publish();
            Run(job, 0);
            var spin = default(SpinWait);
            while (!job.IsDone)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            Volatile.Write(ref _job, null);
            job.ThrowIfFailed();
        }
    }

    /// <summary>How many slots a job of so many pieces has at most.</summary>
    public int SlotsFor(int pieces) => Math.Min(Threads, pieces);

    public void Dispose()
    {
        if (_stop)
        {
            return;
        }

        _stop = true;
        Publish();
    }

    /// <summary>
    /// Makes every worker look again. Sleepers are taken off the count here, not by themselves, so each is woken by exactly one
    /// permit: permits left over from a burst of small jobs would make the workers wake and spin for nothing.
    /// </summary>
    private void Publish()
    {
        Interlocked.Increment(ref _version);
        int sleepers = Interlocked.Exchange(ref _sleepers, 0);
        if (sleepers > 0)
        {
            _wake.Release(sleepers);
        }
    }

    private void Work(int slot)
    {
        int seen = 0;
        while (!_stop)
        {
            int version = Volatile.Read(ref _version);
            if (version == seen)
            {
                WaitForChange(seen);
                continue;
            }

            seen = version;
            if (Volatile.Read(ref _job) is { } job)
            {
                Run(job, slot);
            }
        }
    }

    private void WaitForChange(int seen)
    {
        for (int i = 0; i < SpinsBeforeSleep; i++)
        {
            if (Volatile.Read(ref _version) != seen)
            {
                return;
            }

            Thread.SpinWait(20);
        }

        Interlocked.Increment(ref _sleepers);
        // A job published between the last look and the increment may have found no sleeper to wake.
        if (Volatile.Read(ref _version) == seen || !TryLeaveSleepers())
        {
            _wake.Wait();
        }
    }

    /// <summary>Takes this worker off the sleepers; false when it has been given a permit, which it must use up.</summary>
    private bool TryLeaveSleepers()
    {
        int sleepers = Volatile.Read(ref _sleepers);
        while (sleepers > 0)
        {
            int found = Interlocked.CompareExchange(ref _sleepers, sleepers - 1, sleepers);
            if (found == sleepers)
            {
                return true;
            }

            sleepers = found;
        }

        return false;
    }

    private static void Run(WorkerJob job, int slot)
    {
        t_inside = true;
        job.Run(slot);
        t_inside = false;
    }
}
