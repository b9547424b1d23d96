using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>A block of GPU memory. A forgotten one is noted by its finalizer and freed by the next allocation; the finalizer never calls the driver.</summary>
internal sealed class CudaBuffer : DeviceBuffer, ICudaMemory
{
    private readonly CudaAllocator _allocator;
    private ulong _address;

    internal CudaBuffer(CudaAllocator allocator, DevicePointer pointer, long byteLength)
    {
        _allocator = allocator;
        _address = pointer.Value;
        ByteLength = byteLength;
    }

    ~CudaBuffer()
    {
        if (_address != 0)
        {
            _allocator.FreeLater(new DevicePointer(_address), ByteLength);
        }
    }

    public override long ByteLength { get; }

    public override bool IsDisposed => _address == 0;

    public DevicePointer Pointer
    {
        get
        {
            ulong address = _address;
            ObjectDisposedException.ThrowIf(address == 0, this);
            return new DevicePointer(address);
        }
    }

    public override void Dispose()
    {
        ulong address = Interlocked.Exchange(ref _address, 0);
        GC.SuppressFinalize(this);
        if (address != 0)
        {
            _allocator.Free(new DevicePointer(address), ByteLength);
        }
    }
}
