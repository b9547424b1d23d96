using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Recording;

/// <summary>A part of a recording's memory, while the step is recorded.</summary>
internal sealed class RecordedBuffer(StepRecording recording, int block, DevicePointer pointer, long byteLength) : DeviceBuffer, ICudaMemory
{
    private int _disposed;

    public override long ByteLength => byteLength;

    public override bool IsDisposed => _disposed != 0;

    public DevicePointer Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed || recording.HasEnded, this);
            return pointer;
        }
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            recording.Free(block);
        }
    }
}
