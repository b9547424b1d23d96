namespace DilatedKernels.Cuda;

/// <summary>Three extents: of a grid in blocks, of a block in threads, or of a cluster in blocks.</summary>
/// <param name="X">The extent of the fastest axis.</param>
/// <param name="Y">The extent of the second axis.</param>
/// <param name="Z">The extent of the slowest axis.</param>
public readonly record struct Dim3(uint X, uint Y = 1, uint Z = 1)
{
    /// <summary>The product of the extents.</summary>
    public ulong Count => (ulong)X * Y * Z;

    /// <summary>Writes <c>X×Y×Z</c>.</summary>
    public override string ToString() => $"{X}×{Y}×{Z}";
}

/// <summary>How a kernel is launched.</summary>
/// <param name="Grid">Blocks.</param>
/// <param name="Block">Threads in a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block in bytes. More than 48 KiB, with the kernel's own arrays (<see cref="FunctionProperty.StaticSharedBytes"/>), needs <see cref="FunctionProperty.MaxDynamicSharedBytes"/> first.</param>
/// <param name="Stream">Where it is queued.</param>
public readonly record struct LaunchConfiguration(Dim3 Grid, Dim3 Block, uint SharedBytes, StreamHandle Stream)
{
    /// <summary>Blocks in a thread-block cluster (compute capability 9.0 and up); the default is no cluster.</summary>
    public Dim3 Cluster { get; init; }

    /// <summary>
    /// Lets the kernel start while the one before it in the stream drains (compute capability 9.0 and up); it waits itself,
    /// with <c>griddepcontrol.wait</c>, before it reads what that one wrote.
    /// </summary>
    public bool OverlapsPredecessor { get; init; }

    /// <summary>True when the launch needs more than <c>cuLaunchKernel</c> can say.</summary>
    public bool HasAttributes => Cluster != default || OverlapsPredecessor;
}

/// <summary>What can be asked of a kernel, and for some set (<c>CUfunction_attribute</c>).</summary>
public enum FunctionProperty
{
    /// <summary>The most threads a block may have, as registers allow.</summary>
    MaxThreadsPerBlock = 0,

    /// <summary>Static shared memory in bytes.</summary>
    StaticSharedBytes = 1,

    /// <summary>Local memory of a thread in bytes; more than 0 is spills or indexed arrays.</summary>
    LocalBytes = 3,

    /// <summary>Registers of a thread.</summary>
    Registers = 4,

    /// <summary>The PTX version it was compiled from, 10·major + minor.</summary>
    PtxVersion = 5,

    /// <summary>The architecture of its machine code, 10·major + minor.</summary>
    BinaryVersion = 6,

    /// <summary>The most dynamic shared memory a launch may ask for, in bytes. Can be set.</summary>
    MaxDynamicSharedBytes = 8,

    /// <summary>The wanted share of the L1 cache that is shared memory, in percent, or −1 for the driver's choice. Can be set.</summary>
    SharedMemoryCarveout = 9,
}
