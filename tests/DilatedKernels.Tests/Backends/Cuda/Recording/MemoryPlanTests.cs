using DilatedKernels.Backends.Cuda.Recording;

namespace DilatedKernels.Tests.Backends.Cuda.Recording;

public sealed class MemoryPlanTests
{
    [Test]
    public void NothingTakesNothing() => Assert.That(MemoryPlan.Place([]).TotalBytes, Is.Zero);

    [Test]
    public void WhatIsFreedServesTheNext()
    {
        (long[] offsets, long total) = MemoryPlan.Place([Take(0, 1000), Free(0), Take(1, 600), Take(2, 400), Free(1), Free(2)]);
        Assert.That(total, Is.EqualTo(768 + 512));
        Assert.That(offsets, Is.EqualTo(new[] { 0L, 0, 768 }));
    }

    [Test]
    public void ASmallBlockTakesTheSmallestGap()
    {
        // Blocks 0 and 2 leave gaps of 2048 and 768 bytes, with blocks 1 and 3 after them.
        (long[] offsets, _) = MemoryPlan.Place(
            [Take(0, 2048), Take(1, 1024), Take(2, 768), Take(3, 512), Free(0), Free(2), Take(4, 256), Free(1), Free(3), Free(4)]);
        Assert.That(offsets[4], Is.EqualTo(offsets[2]));
    }

    [Test]
    public void EmptyBlocksHaveAddressesOfTheirOwn()
    {
        (long[] offsets, long total) = MemoryPlan.Place([Take(0, 0), Take(1, 0), Free(0), Free(1)]);
        Assert.That(offsets[0], Is.Not.EqualTo(offsets[1]));
        Assert.That(total, Is.EqualTo(2 * MemoryPlan.Alignment));
    }

    /// <summary>No two blocks that live at once share a byte, and the range is little larger than what lives at once at most.</summary>
    [Test]
    public void RandomSequencesNeverOverlap([Range(1, 20)] int seed)
    {
        MemoryEvent[] events = Draw(seed, out long most);
        (long[] offsets, long total) = MemoryPlan.Place(events);
        var live = new Dictionary<int, (long Begin, long End)>();
        foreach (MemoryEvent e in events)
        {
            if (e.IsFree)
            {
                live.Remove(e.Block);
                continue;
            }

            (long begin, long end) = (offsets[e.Block], offsets[e.Block] + Math.Max(1, e.Bytes));
            Assert.That(begin % MemoryPlan.Alignment, Is.Zero);
            Assert.That(end, Is.LessThanOrEqualTo(total));
            Assert.That(live.Values.Where(other => other.Begin < end && begin < other.End), Is.Empty);
            live.Add(e.Block, (begin, end));
        }

        Assert.That(total, Is.GreaterThanOrEqualTo(most));
        TestContext.Out.WriteLine($"{total} bytes for {most} live: {(double)total / most:0.000}");

        // The worst of these seeds needs 9 % more.
        Assert.That(total, Is.LessThanOrEqualTo(1.1 * most));
    }

    private static MemoryEvent Take(int block, long bytes) => new(block, bytes, IsFree: false);

    private static MemoryEvent Free(int block) => new(block, 0, IsFree: true);

    private static MemoryEvent[] Draw(int seed, out long most)
    {
        var random = new RandomSequence((ulong)seed, "memory plan");
        var events = new List<MemoryEvent>();
        var live = new List<(int Block, long Bytes)>();
        int blocks = 0;
        most = 0;
        for (int i = 0; i < 400 || live.Count > 0; i++)
        {
            if (i < 400 && (live.Count == 0 || random.NextInt32(2) == 0))
            {
                long bytes = random.NextInt32(10) == 0 ? 0 : random.NextInt32(1 << (4 + random.NextInt32(16)));
                live.Add((blocks, bytes));
                events.Add(Take(blocks++, bytes));
                most = Math.Max(most, live.Sum(b => MemoryPlan.Align(Math.Max(1, b.Bytes))));
            }
            else
            {
                int index = random.NextInt32(live.Count);
                events.Add(Free(live[index].Block));
                live.RemoveAt(index);
            }
        }

        return [.. events];
    }
}
