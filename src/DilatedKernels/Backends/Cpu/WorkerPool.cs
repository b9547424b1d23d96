namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// A fixed set of threads that share out numbered pieces of work. Which thread runs a piece is not fixed; what a piece
/// computes must not depend on it. One job runs at a time; a job started from inside a piece runs on that thread alone.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    // Long enough to bridge the gap between two layers, short enough not to burn a core while a person thinks.
    private const int SpinsBeforeSleep = 2000;

    private readonly Lock _jobLock = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread[] _workers;
    private Job? _job;
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
            _workers[i] = new Thread(Work) { IsBackground = true, Name = $"DilatedKernels worker {i + 1}" };
            _workers[i].Start();
        }
    }

    public int Threads { get; }

    /// <summary>Runs <paramref name="body"/> for 0 … pieces − 1 and returns when all are done. The first exception is thrown again here.</summary>
    public void For(int pieces, Action<int> body)
    {
        if (pieces <= 0)
        {
            return;
        }

        if (_workers.Length == 0 || pieces == 1 || t_inside)
        {
            for (int i = 0; i < pieces; i++)
            {
                body(i);
            }

            return;
        }

        lock (_jobLock)
        {
            var job = new Job(pieces, body);
            Volatile.Write(ref _job, job);
            Interlocked.Increment(ref _version);
            int sleepers = Volatile.Read(ref _sleepers);
            if (sleepers > 0)
            {
                _wake.Release(Math.Min(sleepers, _workers.Length));
            }

            job.Run();
            var spin = default(SpinWait);
            while (!job.IsDone)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            Volatile.Write(ref _job, null);
            job.Error?.Throw();
        }
    }

    public void Dispose()
    {
        if (_stop)
        {
            return;
        }

        _stop = true;
        Interlocked.Increment(ref _version);
        _wake.Release(Math.Max(1, _workers.Length));
    }

    private void Work()
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
            Volatile.Read(ref _job)?.Run();
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
        // A job published between the last look and the increment would find no sleeper to wake.
        if (Volatile.Read(ref _version) == seen)
        {
            _wake.Wait();
        }

        Interlocked.Decrement(ref _sleepers);
    }

    private sealed class Job(int pieces, Action<int> body)
    {
        private int _next = -1;
        private int _done;

        public System.Runtime.ExceptionServices.ExceptionDispatchInfo? Error { get; private set; }

        public bool IsDone => Volatile.Read(ref _done) == pieces;

        public void Run()
        {
            bool outer = t_inside;
            t_inside = true;
            for (int piece = Interlocked.Increment(ref _next); piece < pieces; piece = Interlocked.Increment(ref _next))
            {
                try
                {
                    body(piece);
                }
                catch (Exception error)
                {
                    Error ??= System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(error);
                }
                finally
                {
                    Interlocked.Increment(ref _done);
                }
            }

            t_inside = outer;
        }
    }
}
