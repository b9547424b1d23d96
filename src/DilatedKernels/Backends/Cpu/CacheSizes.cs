using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu;

/// <summary>The processor's caches, as far as blocks of work are cut after them. What is computed does not depend on it, nor do its bits.</summary>
internal static class CacheSizes
{
    private const long LeastSecondLevel = 1L << 20;
    private const long MostSecondLevel = 4L << 20;
    private const int CacheLeaf = unchecked((int)0x80000006);

    /// <summary>
    /// Bytes of a core's second-level cache, between 1 and 4 MB: less has so near a third level that blocks for 1 MB are no slower, and more
    /// is shared by cores. 1 MB where the processor does not tell.
    /// </summary>
    public static long SecondLevel { get; } = Math.Clamp(Detected(), LeastSecondLevel, MostSecondLevel);

    private static long Detected()
    {
        if (!X86Base.IsSupported || (uint)X86Base.CpuId(int.MinValue, 0).Eax < unchecked((uint)CacheLeaf))
        {
            return 0;
        }

        // KB in the upper half.
        return (long)((uint)X86Base.CpuId(CacheLeaf, 0).Ecx >> 16) << 10;
    }
}
