namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// Whether Hopper's blocks come in pairs that bring each other what both read (TMA multicast in a cluster of two), so that it leaves L2 once. The results' bits are those
/// of blocks by themselves, but for weight gradients whose work is divided otherwise for pairs.
/// </summary>
internal enum Conv2dSharing
{
    /// <summary>Where bytes from L2 are predicted to decide and pairs to need fewer.</summary>
    WhereItPays,

    /// <summary>Blocks by themselves.</summary>
    Never,

    /// <summary>Pairs wherever there is a kernel for them, for comparisons.</summary>
    Always,
}
