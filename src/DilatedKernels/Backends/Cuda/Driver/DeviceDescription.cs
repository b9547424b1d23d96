namespace DilatedKernels.Cuda;

/// <summary>A CUDA device.</summary>
/// <param name="Ordinal">Its number, from 0, in the driver's order.</param>
/// <param name="Name">Its name.</param>
/// <param name="Major">Major compute capability: 9 for Hopper.</param>
/// <param name="Minor">Minor compute capability.</param>
/// <param name="MemoryBytes">The size of its memory.</param>
/// <param name="Multiprocessors">The number of streaming multiprocessors.</param>
/// <param name="MaxSharedBytesPerBlock">The most dynamic shared memory a block may opt in to, in bytes.</param>
/// <param name="L2Bytes">The size of its L2 cache in bytes.</param>
public sealed record CudaDeviceDescription(
    int Ordinal, string Name, int Major, int Minor, long MemoryBytes, int Multiprocessors, int MaxSharedBytesPerBlock, int L2Bytes)
{
    /// <summary>Compute capability as 10·major + minor: 90 for Hopper.</summary>
    public int Architecture => (10 * Major) + Minor;

    /// <summary>Writes the number, name, architecture, multiprocessors and memory in one line.</summary>
    public override string ToString() =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"cuda:{Ordinal} {Name}, sm_{Architecture}, {Multiprocessors} multiprocessors, {MemoryBytes / (double)(1L << 30):0.0} GiB");
}

/// <summary>What can be asked of a device (<c>CUdevice_attribute</c>).</summary>
public enum DeviceProperty
{
    /// <summary>The most threads in a block.</summary>
    MaxThreadsPerBlock = 1,

    /// <summary>The most blocks of a grid along x.</summary>
    MaxGridX = 5,

    /// <summary>The most blocks of a grid along y.</summary>
    MaxGridY = 6,

    /// <summary>The most blocks of a grid along z.</summary>
    MaxGridZ = 7,

    /// <summary>Shared memory of a block without opting in, in bytes.</summary>
    SharedBytesPerBlock = 8,

    /// <summary>Threads in a warp.</summary>
    WarpSize = 10,

    /// <summary>Peak clock in kHz.</summary>
    ClockKilohertz = 13,

    /// <summary>Streaming multiprocessors.</summary>
    Multiprocessors = 16,

    /// <summary>The number of its PCI bus; −1 where it is on none.</summary>
    PciBus = 33,

    /// <summary>Its number on its PCI bus.</summary>
    PciDevice = 34,

    /// <summary>Peak memory clock in kHz.</summary>
    MemoryClockKilohertz = 36,

    /// <summary>Width of the memory bus in bits.</summary>
    MemoryBusBits = 37,

    /// <summary>L2 cache in bytes.</summary>
    L2Bytes = 38,

    /// <summary>The most threads resident on a multiprocessor.</summary>
    MaxThreadsPerMultiprocessor = 39,

    /// <summary>The number of its PCI domain.</summary>
    PciDomain = 50,

    /// <summary>Major compute capability.</summary>
    ComputeCapabilityMajor = 75,

    /// <summary>Minor compute capability.</summary>
    ComputeCapabilityMinor = 76,

    /// <summary>Shared memory of a multiprocessor in bytes.</summary>
    SharedBytesPerMultiprocessor = 81,

    /// <summary>Registers of a multiprocessor.</summary>
    RegistersPerMultiprocessor = 82,

    /// <summary>The most shared memory a block may opt in to, in bytes.</summary>
    MaxSharedBytesPerBlock = 97,

    /// <summary>1 when stream-ordered memory is there.</summary>
    MemoryPools = 115,

    /// <summary>1 when kernels can be launched as clusters.</summary>
    ClusterLaunch = 120,

    /// <summary>1 when tensor maps can be used.</summary>
    TensorMaps = 127,
}

/// <summary>What a stream-ordered memory pool holds.</summary>
/// <param name="ReservedBytes">Bytes taken from the device.</param>
/// <param name="UsedBytes">Bytes of them in allocations.</param>
public readonly record struct PoolStatistics(long ReservedBytes, long UsedBytes);
