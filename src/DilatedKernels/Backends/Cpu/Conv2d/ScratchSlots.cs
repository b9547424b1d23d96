namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>Scratch memory for the slots of a job of a <see cref="WorkerPool"/>.</summary>
internal sealed unsafe class ScratchSlots : IDisposable
{
    private readonly CpuBuffer _buffer;
    private readonly long _bytes;

    public ScratchSlots(CpuAllocator allocator, int slots, long bytes)
    {
        // Whole cache lines, so that no two slots share one.
        _bytes = (bytes + 63) / 64 * 64;
        _buffer = allocator.Allocate(slots * _bytes);
    }

    public byte* Pointer(int slot) => _buffer.Pointer + (slot * _bytes);

    public void Dispose() => _buffer.Dispose();
}
