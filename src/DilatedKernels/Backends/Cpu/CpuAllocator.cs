namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// Keeps freed memory for reuse: a training step asks for the same sizes again and again, and fresh pages cost more than
/// the arithmetic of a small layer. What holds nothing goes back to the system once the total is a quarter over the highest live amount.
/// </summary>
internal sealed unsafe class CpuAllocator
{
    private const int ReadableTail = 64;
    private const long CacheAllowance = 64L << 20;

    private readonly Lock _lock = new();
    private readonly BestFitHeap _heap = new(SystemMemory.Take, SystemMemory.GiveBack);
    private long _live;
    private long _usedPeak;
    private long _peak;
    private int _buffers;

    /// <summary>Whether the device has been disposed: nothing is allocated or computed any more, and what is freed goes back to the system at once.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Fills every new block with NaN, so that a read before a write shows. For tests.</summary>
    internal bool Poison { get; set; }

    /// <summary>How often memory was asked of the system.</summary>
    internal int RegionsTaken => _heap.RegionsTaken;

    public MemoryStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return new MemoryStatistics(_live, _buffers, _peak, _heap.Cached);
            }
        }
    }

    public CpuBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ThrowIfClosed();
        // A block for an empty buffer too, and a readable tail behind every payload.
        long payload = Math.Clamp(bytes, 1, long.MaxValue / 2);
        long capacity = (payload + ReadableTail + BestFitHeap.Granule - 1) / BestFitHeap.Granule * BestFitHeap.Granule;
        MemoryBlock block = Take(capacity, bytes);
        if (Poison)
        {
            for (long i = 0; i < capacity / sizeof(float); i++)
            {
                ((float*)block.Address)[i] = float.NaN;
            }
        }

        return new CpuBuffer(this, block, bytes);
    }

    private MemoryBlock Take(long capacity, long bytes)
    {
        for (bool isLast = false; ; isLast = true)
        {
            try
            {
                lock (_lock)
                {
                    MemoryBlock block = _heap.Allocate(capacity);
                    _usedPeak = Math.Max(_usedPeak, _heap.Used);
                    _live += bytes;
                    _peak = Math.Max(_peak, _live);
                    _buffers++;
                    return block;
                }
            }
            catch (OutOfMemoryException) when (!isLast)
            {
                // Buffers that nobody disposed may hold some, and so may what is cached.
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Trim();
            }
            catch (OutOfMemoryException e)
            {
                throw new InsufficientMemoryException($"The system has no {bytes} bytes of memory left. {_live} bytes are in {_buffers} tensors; a smaller batch or crop needs less.", e);
            }
        }
    }

    public void ThrowIfClosed()
    {
        if (IsClosed)
        {
            throw Device.Disposed("cpu");
        }
    }

    /// <summary>Ends the device's work; buffers can still be freed.</summary>
    public void Close()
    {
        lock (_lock)
        {
            IsClosed = true;
            _heap.Release(keep: 0);
        }
    }

    /// <summary>Gives what holds nothing back to the system.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            _heap.Release(keep: 0);
        }
    }

    internal void Free(MemoryBlock block, long bytes)
    {
        lock (_lock)
        {
            _live -= bytes;
            _buffers--;
            _heap.Free(block);
            _heap.Release(IsClosed ? 0 : Math.Max(0, _usedPeak + (_usedPeak >> 2) + CacheAllowance - _heap.Used));
        }
    }
}
