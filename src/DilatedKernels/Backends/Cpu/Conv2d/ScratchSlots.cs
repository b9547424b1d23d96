namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>Scratch memory for as many pieces as run at a time: each takes a slot and returns it.</summary>
internal sealed unsafe class ScratchSlots : IDisposable
{
    private readonly CpuBuffer _buffer;
    private readonly long _bytes;
    private readonly Lock _lock = new();
    private readonly int[] _free;
    private int _count;

    public ScratchSlots(CpuAllocator allocator, int slots, long bytes)
    {
        // Whole cache lines, so that no two slots share one.
        _bytes = (bytes + 63) / 64 * 64;
        _buffer = allocator.Allocate(slots * _bytes);
        _free = [.. Enumerable.Range(0, slots)];
        _count = slots;
    }

    public int Take()
    {
        lock (_lock)
        {
            return _free[--_count];
        }
    }

    public void Return(int slot)
    {
        lock (_lock)
        {
            _free[_count++] = slot;
        }
    }

    public byte* Pointer(int slot) => _buffer.Pointer + (slot * _bytes);

    public void Dispose() => _buffer.Dispose();
}
