namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// Large regions from the system, cut into blocks. The smallest free block that suffices serves a request, and free neighbours become one, so
/// that tensors of many sizes share what a training step needs at its peak (best fit with immediate coalescing; Wilson et al. 1995, Dynamic
/// Storage Allocation, section 3). For one thread at a time.
/// </summary>
internal sealed class BestFitHeap
{
    /// <summary>What sizes are multiples of.</summary>
    public const int Granule = 64;

    /// <summary>What regions are multiples of: a large page.</summary>
    public const long RegionGranule = 2L << 20;

    private const long SmallestRegion = 4 * RegionGranule;
    private const long LargestGrowth = 256L << 20;

    private readonly Func<long, nint> _take;
    private readonly Action<nint> _giveBack;
    private readonly List<MemoryBlock> _free = [];
    private long _total;
    private long _touched;

    /// <param name="take">Gets that many bytes from the system, aligned to <see cref="Granule"/>, or throws <see cref="OutOfMemoryException"/>.</param>
    /// <param name="giveBack">Gives what <paramref name="take"/> got back.</param>
    public BestFitHeap(Func<long, nint> take, Action<nint> giveBack)
    {
        _take = take;
        _giveBack = giveBack;
    }

    /// <summary>Bytes of the blocks in use.</summary>
    public long Used { get; private set; }

    /// <summary>Bytes that no block in use covers, but one did: they lie in memory.</summary>
    public long Cached => _touched - Used;

    /// <summary>Regions asked of the system so far.</summary>
    public int RegionsTaken { get; private set; }

    /// <summary>A block of <paramref name="bytes"/>, a multiple of <see cref="Granule"/>.</summary>
    /// <exception cref="OutOfMemoryException">The system has no more.</exception>
    public MemoryBlock Allocate(long bytes)
    {
        MemoryBlock block = TakeFree(bytes) ?? Grow(bytes);
        block.IsFree = false;
        if (block.Size > bytes)
        {
            Cut(block, bytes);
        }

        Used += bytes;
        Touch(block);
        return block;
    }

    public void Free(MemoryBlock block)
    {
        Used -= block.Size;
        if (block.After is { IsFree: true } after)
        {
            RemoveFree(after);
            Join(block, after);
        }

        if (block.Before is { IsFree: true } before)
        {
            RemoveFree(before);
            Join(before, block);
            block = before;
        }

        AddFree(block);
    }

    /// <summary>Gives regions that hold nothing back, the largest first, while more than <paramref name="keep"/> bytes are cached.</summary>
    public void Release(long keep)
    {
        for (int i = _free.Count - 1; i >= 0 && Cached > keep; i--)
        {
            if (_free[i].IsWholeRegion)
            {
                GiveBack(i);
            }
        }
    }

    private void GiveBack(int index)
    {
        MemoryRegion region = _free[index].Region;
        _free.RemoveAt(index);
        _total -= region.Size;
        _touched -= region.Touched;
        _giveBack(region.Address);
    }

    private MemoryBlock? TakeFree(long bytes)
    {
        int index = _free.FindIndex(block => block.Size >= bytes);
        if (index < 0)
        {
            return null;
        }

        MemoryBlock block = _free[index];
        _free.RemoveAt(index);
        return block;
    }

    /// <summary>A new region. Those that hold nothing were all too small: their memory goes into it.</summary>
    private MemoryBlock Grow(long bytes)
    {
        long growth = Math.Clamp(_total / 4, SmallestRegion, LargestGrowth);
        long before = _total;
        for (int i = _free.Count - 1; i >= 0; i--)
        {
            if (_free[i].IsWholeRegion)
            {
                GiveBack(i);
            }
        }

        long least = RoundUp(bytes);
        long size = Math.Max(least, RoundUp(Math.Max(growth, before - _total)));
        nint address;
        try
        {
            address = _take(size);
        }
        catch (OutOfMemoryException) when (size > least)
        {
            size = least;
            address = _take(size);
        }

        RegionsTaken++;
        _total += size;
        return new MemoryBlock(new MemoryRegion(address, size), address, size);
    }

    private void Cut(MemoryBlock block, long bytes)
    {
        var rest = new MemoryBlock(block.Region, block.Address + (nint)bytes, block.Size - bytes) { Before = block, After = block.After };
        block.After?.Before = rest;
        block.After = rest;
        block.Size = bytes;
        AddFree(rest);
    }

    private static void Join(MemoryBlock block, MemoryBlock next)
    {
        block.Size += next.Size;
        block.After = next.After;
        block.After?.Before = block;
    }

    private void Touch(MemoryBlock block)
    {
        MemoryRegion region = block.Region;
        long end = block.Address + block.Size - region.Address;
        if (end > region.Touched)
        {
            _touched += end - region.Touched;
            region.Touched = end;
        }
    }

    private void AddFree(MemoryBlock block)
    {
        block.IsFree = true;
        _free.Insert(~_free.BinarySearch(block), block);
    }

    private void RemoveFree(MemoryBlock block) => _free.RemoveAt(_free.BinarySearch(block));

    private static long RoundUp(long bytes) => (bytes + RegionGranule - 1) / RegionGranule * RegionGranule;
}
