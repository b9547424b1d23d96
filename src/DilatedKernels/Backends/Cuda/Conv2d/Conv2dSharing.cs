using DilatedKernels.Cuda;

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

/// <summary>What the environment says of it.</summary>
internal static class Conv2dSharingVariable
{
    public const string Name = "DILATEDKERNELS_CONV_PAIRS";

    /// <exception cref="CudaUnavailableException">The variable has another value than it may have.</exception>
    public static Conv2dSharing Read() => Environment.GetEnvironmentVariable(Name) switch
    {
        null or "" => Conv2dSharing.WhereItPays,
        "never" => Conv2dSharing.Never,
        "always" => Conv2dSharing.Always,
        string other => throw new CudaUnavailableException($"{Name} is 'never' or 'always', whether blocks of Hopper's convolutions come in pairs, or not set; it was '{other}'."),
    };
}
