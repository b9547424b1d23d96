namespace DilatedKernels.Build.Kernels;

/// <summary>What one multiprocessor of an architecture holds: <see href="https://docs.nvidia.com/cuda/cuda-c-programming-guide/#features-and-technical-specifications-technical-specifications-per-compute-capability">CUDA C++ Programming Guide</see>.</summary>
/// <param name="Threads">Threads resident at a time.</param>
/// <param name="Blocks">Blocks resident at a time.</param>
/// <param name="SharedBytes">Shared memory of the multiprocessor.</param>
internal sealed record Multiprocessor(int Threads, int Blocks, int SharedBytes)
{
    private const int WarpSize = 32;
    private const int Registers = 65536;
    private const int RegisterUnit = 256;
    private const int SharedUnit = 128;
    private const int Partitions = 4;

    // What the system takes of each block's shared memory on these architectures.
    private const int ReservedShared = 1024;

    /// <summary>The multiprocessor of machine code for an architecture, or null for one not listed here.</summary>
    public static Multiprocessor? Of(string architecture) => architecture.TrimEnd('a', 'f') switch
    {
        "sm_80" => new(2048, 32, 164 * 1024),
        "sm_90" or "sm_100" => new(2048, 32, 228 * 1024),
        "sm_120" => new(1536, 24, 100 * 1024),
        _ => null,
    };

    /// <summary>The blocks of a kernel that fit at a time: the least of what threads, registers and shared memory allow.</summary>
    public int ResidentBlocks(int threadsPerBlock, int registersPerThread, int sharedPerBlock)
    {
        int warps = (threadsPerBlock + WarpSize - 1) / WarpSize;
        int registersPerWarp = RoundUp(Math.Max(registersPerThread, 1) * WarpSize, RegisterUnit);
        int warpsByRegisters = Registers / Partitions / registersPerWarp * Partitions;
        int shared = RoundUp(sharedPerBlock + ReservedShared, SharedUnit);
        return Math.Min(Math.Min(Blocks, Threads / (warps * WarpSize)), Math.Min(warpsByRegisters / warps, SharedBytes / shared));
    }

    private static int RoundUp(int value, int unit) => (value + unit - 1) / unit * unit;
}
