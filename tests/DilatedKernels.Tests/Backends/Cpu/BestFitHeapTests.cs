using DilatedKernels.Backends.Cpu;

namespace DilatedKernels.Tests.Backends.Cpu;

public class BestFitHeapTests
{
    private const long Megabyte = 1L << 20;

    private readonly Dictionary<nint, long> _taken = [];
    private nint _next = 1 << 30;
    private long _most = long.MaxValue;

    [SetUp]
    public void Forget()
    {
        _taken.Clear();
        _most = long.MaxValue;
    }

    [Test]
    public void TheSmallestBlockThatSufficesServes()
    {
        BestFitHeap heap = Heap();
        MemoryBlock large = heap.Allocate(4096);
        MemoryBlock wall = heap.Allocate(64);
        MemoryBlock small = heap.Allocate(1024);
        MemoryBlock end = heap.Allocate(64);
        nint smallAddress = small.Address;
        heap.Free(large);
        heap.Free(small);

        Assert.That(heap.Allocate(960).Address, Is.EqualTo(smallAddress));
        Assert.That((wall.IsFree, end.IsFree), Is.EqualTo((false, false)));
    }

    [Test]
    public void FreeNeighboursBecomeOne([Values(0, 1, 2)] int last)
    {
        BestFitHeap heap = Heap();
        MemoryBlock[] blocks = [.. Enumerable.Range(0, 3).Select(_ => heap.Allocate(2 * Megabyte))];
        MemoryBlock wall = heap.Allocate(2 * Megabyte);
        nint first = blocks[0].Address;
        foreach (int i in new[] { 0, 1, 2 }.Where(i => i != last).Append(last))
        {
            heap.Free(blocks[i]);
        }

        Assert.That(heap.Allocate(6 * Megabyte).Address, Is.EqualTo(first));
        Assert.That(heap.RegionsTaken, Is.EqualTo(1));
        Assert.That(wall.IsFree, Is.False);
    }

    [Test]
    public void WhatNobodyEverUsedIsNotCached()
    {
        BestFitHeap heap = Heap();
        MemoryBlock block = heap.Allocate(128);
        Assert.That((heap.Used, heap.Cached), Is.EqualTo((128, 0)));
        heap.Free(block);
        Assert.That((heap.Used, heap.Cached), Is.EqualTo((0, 128)));
        heap.Release(keep: 0);
        Assert.That((heap.Used, heap.Cached, _taken.Count), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public void RegionsThatAreTooSmallGoBackBeforeALargerOneComes()
    {
        BestFitHeap heap = Heap();
        heap.Free(heap.Allocate(64));
        heap.Allocate(100 * Megabyte);
        Assert.That(_taken.Values, Is.EqualTo(new[] { 100 * Megabyte }));
    }

    [Test]
    public void ARegionIsNoLargerThanItMustBeWhereTheSystemHasNoMore()
    {
        BestFitHeap heap = Heap();
        heap.Allocate(400 * Megabyte);
        _most = 4 * Megabyte;
        heap.Allocate(3 * Megabyte);
        Assert.That(_taken.Values, Is.EqualTo(new[] { 400 * Megabyte, 4 * Megabyte }));
        Assert.That(() => heap.Allocate(5 * Megabyte), Throws.InstanceOf<OutOfMemoryException>());
        Assert.That(heap.Used, Is.EqualTo(403 * Megabyte), "what was refused is not counted");
    }

    [Test]
    public void BlocksNeverOverlapAndNothingIsLost([Values(1, 2, 3)] int seed)
    {
        BestFitHeap heap = Heap();
        var random = new Random(seed);
        var live = new List<MemoryBlock>();
        for (int i = 0; i < 4000; i++)
        {
            if (live.Count > 0 && random.Next(100) < (i % 1000 < 600 ? 40 : 70))
            {
                int index = random.Next(live.Count);
                heap.Free(live[index]);
                live.RemoveAt(index);
            }
            else
            {
                live.Add(heap.Allocate(64L << random.Next(20)));
            }

            if (i % 200 == 0)
            {
                heap.Release(keep: random.Next(1 << 26));
                Check(heap, live);
            }
        }

        live.ForEach(heap.Free);
        heap.Release(keep: 0);
        Assert.That((heap.Used, heap.Cached, _taken.Count), Is.EqualTo((0, 0, 0)));
    }

    /// <summary>What a network's training does to memory, over and over: nothing more is asked of the system after the first time.</summary>
    [Test]
    public void ATrainingStepAsksTheSystemOnce()
    {
        var heap = new BestFitHeap(Take, GiveBack);
        int after = 0;
        for (int step = 0; step < 10; step++)
        {
            // Maps of layers, kept for the way back, with scratch memory of other sizes between them.
            var maps = new Stack<MemoryBlock>();
            for (int layer = 1; layer <= 12; layer++)
            {
                MemoryBlock scratch = heap.Allocate(64 * 1021 * layer);
                maps.Push(heap.Allocate(Megabyte * 24 / layer / 64 * 64));
                heap.Free(scratch);
            }

            MemoryBlock gradient = heap.Allocate(2 * Megabyte);
            while (maps.TryPop(out MemoryBlock? map))
            {
                MemoryBlock next = heap.Allocate(map.Size);
                heap.Free(gradient);
                heap.Free(map);
                gradient = next;
            }

            heap.Free(gradient);
            after = step == 0 ? heap.RegionsTaken : after;
        }

        Assert.That(heap.RegionsTaken, Is.EqualTo(after));
    }

    private void Check(BestFitHeap heap, List<MemoryBlock> live)
    {
        nint end = 0;
        foreach (MemoryBlock block in live.OrderBy(block => block.Address))
        {
            Assert.That(block.Address, Is.GreaterThanOrEqualTo(end));
            Assert.That((long)block.Address % BestFitHeap.Granule, Is.Zero);
            end = block.Address + (nint)block.Size;
            KeyValuePair<nint, long> region = _taken.Single(region => region.Key <= block.Address && block.Address < region.Key + region.Value);
            Assert.That(end, Is.LessThanOrEqualTo(region.Key + (nint)region.Value));
        }

        Assert.That(heap.Used, Is.EqualTo(live.Sum(block => block.Size)));
        Assert.That(heap.Used + heap.Cached, Is.LessThanOrEqualTo(_taken.Values.Sum()));
    }

    private BestFitHeap Heap() => new(Take, GiveBack);

    private nint Take(long bytes)
    {
        if (bytes > _most)
        {
            throw new InsufficientMemoryException();
        }

        nint address = _next;
        _taken.Add(address, bytes);

        // Some regions touch each other.
        _next += (nint)bytes + (_taken.Count % 2 == 0 ? 0 : 1 << 21);
        return address;
    }

    private void GiveBack(nint address) => Assert.That(_taken.Remove(address), "given back twice, or never taken");
}
