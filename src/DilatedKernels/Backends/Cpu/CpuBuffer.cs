namespace DilatedKernels.Backends.Cpu;

/// <summary>A 64-byte aligned block with 64 readable bytes after it. Freed by a finalizer if nobody disposes it.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    private readonly CpuAllocator _allocator;
    private readonly MemoryBlock _block;
    private nint _pointer;

    internal CpuBuffer(CpuAllocator allocator, MemoryBlock block, long byteLength)
    {
        _allocator = allocator;
        _block = block;
        _pointer = block.Address;
        Capacity = block.Size;
        ByteLength = byteLength;
    }

    ~CpuBuffer() => Free();

    public override long ByteLength { get; }

    public override bool IsDisposed => _pointer == 0;

    public byte* Pointer
    {
        get
        {
            nint pointer = _pointer;
            ObjectDisposedException.ThrowIf(pointer == 0, this);
            _allocator.ThrowIfClosed();
            return (byte*)pointer;
        }
    }

    internal long Capacity { get; }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        nint pointer = Interlocked.Exchange(ref _pointer, 0);
        if (pointer != 0)
        {
            _allocator.Free(_block, ByteLength);
        }
    }
}
