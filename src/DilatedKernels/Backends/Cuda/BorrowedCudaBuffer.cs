using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>GPU memory that belongs to someone else. Disposing it tells the owner, once.</summary>
internal sealed class BorrowedCudaBuffer(DevicePointer pointer, long byteLength, Action? released) : DeviceBuffer, ICudaMemory
{
    private int _disposed;

    public override long ByteLength => byteLength;

    public override bool IsDisposed => _disposed != 0;

    public DevicePointer Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return pointer;
        }
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            released?.Invoke();
        }
    }
}
