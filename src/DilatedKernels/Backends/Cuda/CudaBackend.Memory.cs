using DilatedKernels.Cuda;
using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override DeviceBuffer Allocate(long bytes)
    {
        if (Recording is { } recording)
        {
            return recording.Allocate(bytes);
        }

        using Lock.Scope gate = _gate.EnterScope();
        ThrowIfUnusable();
        try
        {
            return _allocator.Allocate(bytes);
        }
        catch (CudaException e) when (Noted(e).IsFatal)
        {
            throw;
        }
    }

    public override void Upload(ReadOnlySpan<byte> source, DeviceBuffer target)
    {
        ThrowIfRecording($"uploads {source.Length} bytes, which replays would not do again");
        Upload(source, Pointer(target));
    }

    public override void Download(DeviceBuffer source, Span<byte> target)
    {
        using Lock.Scope gate = _gate.EnterScope();
        ThrowIfRecording($"reads {target.Length} bytes back before it has ended");
        DevicePointer pointer = Pointer(source);
        if (target.IsEmpty)
        {
            return;
        }

        fixed (byte* p = target)
        {
            _context.CopyToHost(pointer, p, target.Length, _stream);
            Synchronize();
        }
    }

    public override void Copy(DeviceBuffer source, DeviceBuffer target, long bytes)
    {
        if (bytes > 0)
        {
            using Lock.Scope gate = _gate.EnterScope();
            _context.CopyOnDevice(Pointer(source), Pointer(target), bytes, _stream);
        }
    }

    public override void Fill(DeviceBuffer target, long count, float value)
    {
        if (count == 0)
        {
            return;
        }

        using Lock.Scope gate = _gate.EnterScope();
        if (target.ElementType == ElementType.Float32)
        {
            _context.Fill(Pointer(target), BitConverter.SingleToUInt32Bits(value), count, _stream);
            return;
        }

        // Only the library's own memory is filled, whose size is a multiple of 4.
        uint rounded = BFloat16.Round(value);
        _context.Fill(Pointer(target), rounded | (rounded << 16), (count + 1) / 2, _stream);
    }

    private void Upload(ReadOnlySpan<byte> source, DevicePointer target)
    {
        using Lock.Scope gate = _gate.EnterScope();
        using Watchdog.Scope suspension = Watchdog.EnterSuspension();
        (source.Length <= SmallUpload ? _smallUploads : _uploads).Upload(source, target);
    }
}
