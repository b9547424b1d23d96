using System.Collections.Concurrent;
using DilatedKernels.Backends.Cuda.Recording;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cuda;

/// <summary>GPU memory from the driver's stream-ordered pool: freed memory serves the next allocation on the stream without a wait.</summary>
internal sealed class CudaAllocator
{
    // The driver has no empty allocations. Beyond that nothing is added: unlike the CPU's, GPU operations stay inside their buffers.
    private const long SmallestAllocation = 16;

    private readonly ICudaContext _context;
    private readonly StreamHandle _stream;
    private readonly Lock _lock = new();
    private readonly ConcurrentQueue<(DevicePointer Pointer, long Bytes)> _forgotten = new();
    private readonly ConcurrentQueue<(DevicePointer Pointer, long Bytes)> _deferred = new();
    private readonly ConcurrentQueue<DevicePointer> _refused = new();
    private long _live;
    private long _peak;
    private int _buffers;
    private bool _closed;
    private bool _defersFrees;

    public CudaAllocator(ICudaContext context, StreamHandle stream)
    {
        _context = context;
        _stream = stream;

        // Memory goes back to the device when the pool is trimmed, not at every synchronisation.
        context.SetPoolThreshold(long.MaxValue);
    }

    /// <summary>What an allocation can still have: what the driver has, and what its pool keeps.</summary>
    public long FreeBytes
    {
        get
        {
            PoolStatistics pool = _context.GetPool();
            return _context.GetMemory().Free + Math.Max(0, pool.ReservedBytes - pool.UsedBytes);
        }
    }

    /// <summary>Buffers that nobody disposed and the garbage collector found.</summary>
    public int Forgotten { get; private set; }

    /// <summary>Receives allocations and frees while a step is noted.</summary>
    public StepNotes? Notes { get; set; }

    /// <summary>Whether memory goes back later: while the stream is recorded, a free would be recorded too.</summary>
    public bool DefersFrees
    {
        get => _defersFrees;
        set
        {
            lock (_lock)
            {
                _defersFrees = value;
            }

            if (!value)
            {
                FreeDeferred();
            }
        }
    }

    public MemoryStatistics Statistics
    {
        get
        {
            PoolStatistics pool = _closed ? default : _context.GetPool();
            lock (_lock)
            {
                return new MemoryStatistics(_live, _buffers, _peak, Math.Max(0, pool.ReservedBytes - pool.UsedBytes));
            }
        }
    }

    public CudaBuffer Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (_closed)
        {
            throw Device.Disposed($"cuda:{_context.Device.Ordinal}");
        }

        FreeForgotten();
        FreeRefused();
        DevicePointer pointer = Take(bytes);
        lock (_lock)
        {
            _live += bytes;
            _peak = Math.Max(_peak, _live);
            _buffers++;
            Notes?.AddAllocation(pointer, bytes);
        }

        return new CudaBuffer(this, pointer, bytes);
    }

    /// <summary>Gives memory back. Throws nothing: it may come from a Dispose on the way out from another failure.</summary>
    public void Free(DevicePointer pointer, long bytes)
    {
        lock (_lock)
        {
            if (_defersFrees)
            {
                _deferred.Enqueue((pointer, bytes));
                return;
            }

            _live -= bytes;
            _buffers--;
            Notes?.AddFree(pointer);
            if (_closed)
            {
                return;
            }

            // Inside the lock, so that no other thread closes the context meanwhile.
            try
            {
                _context.Free(pointer, _stream);
            }
            catch (CudaException e) when (e.IsFatal)
            {
                // The memory is gone with the context. Every later call reports the fault; a Dispose on the way out must not hide it.
            }
            catch (CudaException)
            {
                // Tried again by the next allocation, which says so if the driver refuses once more.
                _refused.Enqueue(pointer);
            }
        }
    }

    /// <summary>For finalizers: notes the memory for <see cref="Allocate"/> to free.</summary>
    public void FreeLater(DevicePointer pointer, long bytes) => _forgotten.Enqueue((pointer, bytes));

    /// <summary>Gives unused memory back to the device. Buffers that are disposed later do nothing.</summary>
    public void Close()
    {
        FreeForgotten();
        _context.Synchronize(_stream);
        _context.TrimPool(0);
        lock (_lock)
        {
            _closed = true;
        }
    }

    /// <summary>For a context that answers nothing any more.</summary>
    public void Abandon()
    {
        lock (_lock)
        {
            _closed = true;
        }
    }

    private DevicePointer Take(long bytes)
    {
        long capacity = Math.Max(bytes, SmallestAllocation);
        try
        {
            return _context.Allocate(capacity, _stream);
        }
        catch (CudaException e) when (e.Code == CudaException.OutOfMemory)
        {
            // Buffers that nobody disposed may hold some, and what was freed on the stream a moment ago may only be waiting for kernels to end.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            FreeForgotten();
            using Watchdog.Scope suspension = Watchdog.EnterSuspension();
            _context.Synchronize(_stream);
            _context.TrimPool(0);
        }

        try
        {
            return _context.Allocate(capacity, _stream);
        }
        catch (CudaException e) when (e.Code == CudaException.OutOfMemory)
        {
            MemoryStatistics memory = Statistics;
            throw e.WithDetail($"{memory.LiveBytes} bytes are in {memory.LiveBuffers} tensors; a smaller batch or crop needs less.");
        }
    }

    private void FreeRefused()
    {
        while (_refused.TryDequeue(out DevicePointer pointer))
        {
            try
            {
                _context.Free(pointer, _stream);
            }
            catch (CudaException)
            {
                _refused.Enqueue(pointer);
                throw;
            }
        }
    }

    private void FreeDeferred()
    {
        while (_deferred.TryDequeue(out (DevicePointer Pointer, long Bytes) memory))
        {
            Free(memory.Pointer, memory.Bytes);
        }
    }

    private void FreeForgotten()
    {
        while (_forgotten.TryDequeue(out (DevicePointer Pointer, long Bytes) memory))
        {
            Forgotten++;
            Free(memory.Pointer, memory.Bytes);
        }
    }
}
