namespace DilatedKernels.Backends.Cuda.Recording;

/// <summary>One allocation or its end, in a step's order.</summary>
/// <param name="Block">Which one, numbered in the order of allocation.</param>
/// <param name="Bytes">Its size; 0 is allowed.</param>
/// <param name="IsFree">Whether it ends here.</param>
internal readonly record struct MemoryEvent(int Block, long Bytes, bool IsFree);

/// <summary>
/// Places in one range of memory for blocks whose lifetimes are known: the largest first, each into the smallest gap that the placed ones leave
/// it while it lives. Finding the smallest range is NP-hard; this comes within some percent.
/// </summary>
internal static class MemoryPlan
{
    /// <summary>Offsets and the total are multiples of this, as the driver's own allocations are.</summary>
    public const int Alignment = 256;

    /// <summary>Places every block.</summary>
    /// <param name="events">Each block is allocated once and freed once, after that.</param>
    /// <returns>The blocks' offsets, and where the last ends.</returns>
    public static (long[] Offsets, long TotalBytes) Place(IReadOnlyList<MemoryEvent> events)
    {
        Block[] blocks = Read(events);
        var placed = new List<Block>(blocks.Length);
        long total = 0;
        foreach (Block block in blocks.OrderByDescending(b => b.Bytes).ThenBy(b => b.Begin))
        {
            block.Offset = SmallestGap(block, placed.Where(block.LivesWith).OrderBy(b => b.Offset));
            placed.Add(block);
            total = Math.Max(total, block.Offset + block.Bytes);
        }

        return ([.. blocks.Select(b => b.Offset)], total);
    }

    /// <summary>A size with its share of the alignment.</summary>
    public static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static Block[] Read(IReadOnlyList<MemoryEvent> events)
    {
        var blocks = new Block[events.Count / 2];
        for (int i = 0; i < events.Count; i++)
        {
            MemoryEvent e = events[i];
            if (e.IsFree)
            {
                blocks[e.Block].End = i;
            }
            else
            {
                // Two empty blocks have two addresses, as from the driver.
                blocks[e.Block] = new Block { Bytes = Align(Math.Max(1, e.Bytes)), Begin = i };
            }
        }

        return blocks;
    }

    private static long SmallestGap(Block block, IEnumerable<Block> neighbours)
    {
        long best = -1;
        long bestBytes = long.MaxValue;
        long end = 0;
        foreach (Block neighbour in neighbours)
        {
            long gap = neighbour.Offset - end;
            if (gap >= block.Bytes && gap < bestBytes)
            {
                (best, bestBytes) = (end, gap);
            }

            end = Math.Max(end, neighbour.Offset + neighbour.Bytes);
        }

        return best >= 0 ? best : end;
    }

    private sealed class Block
    {
        public long Bytes { get; init; }

        public int Begin { get; init; }

        public int End { get; set; }

        public long Offset { get; set; }

        public bool LivesWith(Block other) => Begin < other.End && other.Begin < End;
    }
}
