using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// Page-locked slots that uploads pass through, so that the caller's memory is free at once and no upload waits for the kernels before
/// it: only for the upload before last.
/// </summary>
internal sealed unsafe class UploadRing(ICudaContext context, StreamHandle stream)
{
    private const int SlotBytes = 8 << 20;

    private readonly Slot[] _slots = new Slot[2];
    private int _next;

    public void Upload(ReadOnlySpan<byte> source, DevicePointer target)
    {
        while (!source.IsEmpty)
        {
            ref Slot slot = ref _slots[_next];
            _next = (_next + 1) % _slots.Length;
            if (slot.Memory == null)
            {
                slot.Memory = (byte*)context.AllocatePinned(SlotBytes);
                slot.Passed = context.CreateEvent(timing: false);
            }
            else
            {
                context.Synchronize(slot.Passed);
            }

            int bytes = Math.Min(source.Length, SlotBytes);
            source[..bytes].CopyTo(new Span<byte>(slot.Memory, SlotBytes));
            context.CopyToDevice(slot.Memory, target, bytes, stream);
            context.Record(slot.Passed, stream);
            source = source[bytes..];
            target += bytes;
        }
    }

    /// <summary>Gives the slots back; the stream has passed all uploads.</summary>
    public void Free()
    {
        foreach (ref Slot slot in _slots.AsSpan())
        {
            if (slot.Memory != null)
            {
                context.FreePinned(slot.Memory);
                context.DestroyEvent(slot.Passed);
                slot = default;
            }
        }
    }

    private struct Slot
    {
        public byte* Memory;
        public EventHandle Passed;
    }
}
