using System.Runtime.InteropServices;

namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// Keeps freed blocks for reuse: a training step asks for the same sizes again and again, and fresh pages cost more than
/// the arithmetic of a small layer. What is cached never lifts the total above a quarter over the highest live amount.
/// </summary>
internal sealed unsafe class CpuAllocator
{
    private const int Alignment = 64;
    private const int ReadableTail = 64;
    private const long CacheAllowance = 64L << 20;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, Stack<nint>> _free = [];
    private long _live;
    private long _capacityLive;
    private long _capacityPeak;
    private long _peak;
    private long _cached;
    private int _buffers;

    /// <summary>Whether the device has been disposed: nothing is allocated or computed any more, and what is freed goes back to the system at once.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Fills every new block with NaN, so that a read before a write shows. For tests.</summary>
    internal bool Poison { get; set; }

    public MemoryStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return new MemoryStatistics(_live, _buffers, _peak, _cached);
            }
        }
    }

    public CpuBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ThrowIfClosed();
        // An empty buffer is a block too: the part cleared below lies inside it.
        long capacity = (Math.Max(bytes, 1) + ReadableTail + Alignment - 1) / Alignment * Alignment;
        nint pointer = 0;
        lock (_lock)
        {
            // A block up to an eighth larger serves too.
            foreach ((long size, Stack<nint> blocks) in _free)
            {
                if (size >= capacity && size <= capacity + (capacity >> 3))
                {
                    pointer = blocks.Pop();
                    if (blocks.Count == 0)
                    {
                        _free.Remove(size);
                    }

                    capacity = size;
                    _cached -= size;
                    break;
                }
            }

            _capacityLive += capacity;
            _capacityPeak = Math.Max(_capacityPeak, _capacityLive);
            _live += bytes;
            _peak = Math.Max(_peak, _live);
            _buffers++;
            ShrinkCache();
        }

        if (pointer == 0)
        {
            pointer = Take(capacity, bytes);
            new Span<byte>((byte*)pointer + capacity - ReadableTail - Alignment, ReadableTail + Alignment).Clear();
        }

        if (Poison)
        {
            for (long i = 0; i < capacity / sizeof(float); i++)
            {
                ((float*)pointer)[i] = float.NaN;
            }
        }

        return new CpuBuffer(this, pointer, capacity, bytes);
    }

    private nint Take(long capacity, long bytes)
    {
        for (bool isLast = false; ; isLast = true)
        {
            try
            {
                return (nint)NativeMemory.AlignedAlloc((nuint)capacity, Alignment);
            }
            catch (OutOfMemoryException) when (!isLast)
            {
                // Buffers that nobody disposed may hold some, and the cache does.
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Trim();
            }
            catch (OutOfMemoryException e)
            {
                lock (_lock)
                {
                    _capacityLive -= capacity;
                    _live -= bytes;
                    _buffers--;
                    throw new InsufficientMemoryException($"The system has no {bytes} bytes of memory left. {_live} bytes are in {_buffers} tensors; a smaller batch or crop needs less.", e);
                }
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
            Release(keep: 0);
        }
    }

    /// <summary>Gives all cached blocks back to the system.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            Release(keep: 0);
        }
    }

    internal void Free(nint pointer, long capacity, long bytes)
    {
        lock (_lock)
        {
            _live -= bytes;
            _capacityLive -= capacity;
            _buffers--;
            if (!_free.TryGetValue(capacity, out Stack<nint>? blocks))
            {
                _free.Add(capacity, blocks = new Stack<nint>());
            }

            blocks.Push(pointer);
            _cached += capacity;
            if (IsClosed)
            {
                Release(keep: 0);
                return;
            }

            ShrinkCache();
        }
    }

    private void ShrinkCache() => Release(Math.Max(0, _capacityPeak + (_capacityPeak >> 2) + CacheAllowance - _capacityLive));

    private void Release(long keep)
    {
        while (_cached > keep && _free.Count > 0)
        {
            (long size, Stack<nint> blocks) = _free.Last();
            NativeMemory.AlignedFree((void*)blocks.Pop());
            _cached -= size;
            if (blocks.Count == 0)
            {
                _free.Remove(size);
            }
        }
    }
}
