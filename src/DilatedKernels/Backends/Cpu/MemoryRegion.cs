namespace DilatedKernels.Backends.Cpu;

/// <summary>Memory that the system gave in one piece. Its blocks are a list in order of their addresses.</summary>
internal sealed class MemoryRegion(nint address, long size)
{
    public nint Address { get; } = address;

    public long Size { get; } = size;

    /// <summary>Bytes from its start that a block has ever covered. The system need not have found memory for the rest yet.</summary>
    public long Touched { get; set; }
}

/// <summary>A piece of a region, in use or free.</summary>
internal sealed class MemoryBlock(MemoryRegion region, nint address, long size) : IComparable<MemoryBlock>
{
    public MemoryRegion Region { get; } = region;

    public nint Address { get; } = address;

    public long Size { get; set; } = size;

    public bool IsFree { get; set; }

    public MemoryBlock? Before { get; set; }

    public MemoryBlock? After { get; set; }

    public bool IsWholeRegion => Before is null && After is null;

    /// <summary>By size, and at equal sizes by address.</summary>
    public int CompareTo(MemoryBlock? other) => other is null ? 1 : (Size, Address).CompareTo((other.Size, other.Address));
}
