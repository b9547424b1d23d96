using DilatedKernels.Backends.Cpu;

namespace DilatedKernels.Tests.Backends.Cpu;

public class CpuAllocatorTests
{
    [Test]
    public void AnEmptyBufferHasAReadableTail()
    {
        var allocator = new CpuAllocator { Poison = true };
        using (CpuBuffer buffer = allocator.Allocate(0))
        {
            Assert.That(buffer.Capacity, Is.EqualTo(128), "64 bytes that may be read, rounded up past an empty payload");
            Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(0, 1, 0, 0)));
        }

        allocator.Trim();
        Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(0, 0, 0, 0)));
    }

    [Test]
    public void FreedBlocksServeAgain()
    {
        var allocator = new CpuAllocator();
        CpuBuffer first = allocator.Allocate(1000);
        long capacity = first.Capacity;
        first.Dispose();
        first.Dispose();
        Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(0, 0, 1000, capacity)));
        using CpuBuffer second = allocator.Allocate(990);
        Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(990, 1, 1000, 0)));
        Assert.That(() => _ = PointerOf(first), Throws.InstanceOf<ObjectDisposedException>());
    }

    private static unsafe nint PointerOf(CpuBuffer buffer) => (nint)buffer.Pointer;
}
