using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// Page-locked slots that uploads pass through, so that the caller's memory is free at once and no upload waits for the kernels before
/// it: only for the upload that had its slot before it.
/// </summary>
internal sealed unsafe class UploadRing(ICudaContext context, StreamHandle stream, int slots, int slotBytes)
{
    private readonly Slot[] _slots = new Slot[slots];
    private int _next;

    public void Upload(ReadOnlySpan<byte> source, DevicePointer target)
    {
        while (!source.IsEmpty)
        {
            ref Slot slot = ref _slots[_next];
            _next = (_next + 1) % _slots.Length;
            if (slot.Memory == null)
            {
                if (slot.Passed == default)
                {
                    slot.Passed = context.CreateEvent(timing: false);
                }

                slot.Memory = (byte*)context.AllocatePinned(slotBytes);
            }
            else if (slot.IsUnderWay)
            {
                context.Synchronize(slot.Passed);
            }

            int bytes = Math.Min(source.Length, slotBytes);
            source[..bytes].CopyTo(new Span<byte>(slot.Memory, slotBytes));
            context.CopyToDevice(slot.Memory, target, bytes, stream);
            try
            {
                context.Record(slot.Passed, stream);
            }
            catch (CudaException)
            {
                // The copy is queued, and nothing will tell when it has passed.
                context.Synchronize(stream);
                throw;
            }

            slot.IsUnderWay = true;
            source = source[bytes..];
            target += bytes;
        }
    }

    /// <summary>The stream has passed all uploads.</summary>
    public void Pass()
    {
        foreach (ref Slot slot in _slots.AsSpan())
        {
            slot.IsUnderWay = false;
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
            }

            if (slot.Passed != default)
            {
                context.DestroyEvent(slot.Passed);
            }

            slot = default;
        }
    }

    private struct Slot
    {
        public byte* Memory;
        public EventHandle Passed;
        public bool IsUnderWay;
    }
}
