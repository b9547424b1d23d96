using System.Runtime.ExceptionServices;

namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Cuts random crops from a split, ahead of the training loop, on threads of its own. What <see cref="Get"/> returns depends on the seed and
/// the step alone, not on threads, on earlier calls, or on where a resumed run starts.
/// <para>Every epoch visits the samples in a new random order. A crop's interior (the crop without its margins) lies at a random place
/// within the image, and the margins show the image beyond it or, past its border, its reflection. An image smaller than the interior
/// lies at a random place within it; the rest is reflection with void labels. Where images are scaled, they are before they are cut.</para>
/// </summary>
public sealed class BatchLoader : IDisposable
{
    /// <summary>Keeps draw numbers within 64 bits at any batch size.</summary>
    private const long MaxStep = 1L << 32;

    private readonly object _sync = new();
    private readonly SortedDictionary<long, Slot> _slots = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly BatchBuilder _builder;
    private readonly Thread[] _threads;
    private readonly int _ahead;
    private bool _disposed;

    /// <summary>Starts the threads; they wait until the first batch is asked for.</summary>
    /// <param name="samples">The samples, each with a mask.</param>
    /// <param name="classes">Their classes.</param>
    /// <param name="options">How crops are cut.</param>
    /// <param name="ahead">How many batches after the one asked for are prepared, 0 or more.</param>
    /// <param name="threads">The threads that prepare them, 1 or more.</param>
    /// <param name="cacheBytes">Memory for decoded samples, 1 GiB if not given; 0 decodes every time.</param>
    /// <exception cref="UserInputException">There are no samples, one has no mask, or the options do not fit together.</exception>
    public BatchLoader(IReadOnlyList<Sample> samples, ClassSet classes, CropOptions options, int ahead = 2, int threads = 1, long cacheBytes = 1L << 30)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(classes);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(ahead);
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(cacheBytes);
        options.Validate();
        if (samples.Count == 0)
        {
            throw new UserInputException("There are no images to train on.");
        }

        if (samples.FirstOrDefault(sample => sample.MaskPath is null) is Sample bare)
        {
            throw new UserInputException($"{bare.ImagePath}: the image has no mask, but training needs one.");
        }

        _ahead = ahead;
        _builder = new BatchBuilder(samples, classes, options, cacheBytes);
        _threads = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"batch loader {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>The batch of a step, and a request for those after it. Any step can be asked for at any time; steps in order are quickest.</summary>
    /// <param name="step">0 to 2³².</param>
    /// <exception cref="UserInputException">A file of the batch is missing or damaged, or its mask does not fit.</exception>
    /// <exception cref="ObjectDisposedException">The loader is disposed, before or during the call.</exception>
    public TrainingBatch Get(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(step, MaxStep);
        lock (_sync)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Slot slot = Request(step);
            slot.Waiting++;
            while (slot.Batch is null && slot.Error is null && !_disposed)
            {
                Monitor.Wait(_sync);
            }

            slot.Waiting--;
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (slot.Waiting == 0)
            {
                _slots.Remove(step);
            }

            slot.Error?.Throw();
            return slot.Batch!;
        }
    }

    /// <summary>Stops the threads and waits for them.</summary>
    public void Dispose()
    {
        lock (_sync)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _slots.Clear();
            _stop.Cancel();
            Monitor.PulseAll(_sync);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _stop.Dispose();
    }

    /// <summary>Moves the window of prepared steps to start at <paramref name="step"/>. Called with the lock held.</summary>
    private Slot Request(long step)
    {
        long last = step + _ahead;
        foreach (long old in _slots.Where(entry => (entry.Key < step || entry.Key > last) && entry.Value.Waiting == 0).Select(entry => entry.Key).ToArray())
        {
            _slots.Remove(old);
        }

        for (long s = step; s <= last; s++)
        {
            _slots.TryAdd(s, new Slot());
        }

        Monitor.PulseAll(_sync);
        return _slots[step];
    }

    private void Work()
    {
        while (TakeNext() is (long step, Slot slot))
        {
            TrainingBatch? batch = null;
            ExceptionDispatchInfo? error = null;
            try
            {
                batch = _builder.Build(step, _stop.Token);
            }
            catch (Exception e)
            {
                // Whatever it is, the training loop must see it instead of waiting for ever.
                error = ExceptionDispatchInfo.Capture(e);
            }

            lock (_sync)
            {
                (slot.Batch, slot.Error) = (batch, error);
                Monitor.PulseAll(_sync);
            }
        }
    }

    private (long Step, Slot Slot)? TakeNext()
    {
        lock (_sync)
        {
            while (!_disposed)
            {
                foreach ((long step, Slot slot) in _slots)
                {
                    if (!slot.Started)
                    {
                        slot.Started = true;
                        return (step, slot);
                    }
                }

                Monitor.Wait(_sync);
            }

            return null;
        }
    }

    private sealed class Slot
    {
        public bool Started { get; set; }

        public int Waiting { get; set; }

        public TrainingBatch? Batch { get; set; }

        public ExceptionDispatchInfo? Error { get; set; }
    }
}
