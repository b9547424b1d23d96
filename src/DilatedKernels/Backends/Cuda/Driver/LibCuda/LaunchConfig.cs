using System.Runtime.InteropServices;

namespace DilatedKernels.Cuda;

/// <summary>The driver's <c>CUlaunchConfig</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LaunchConfig
{
    public Dim3 Grid;
    public Dim3 Block;
    public uint SharedBytes;
    public nint Stream;
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>The driver's <c>CUlaunchAttribute</c>: an id and a union of 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct LaunchAttribute
{
    [FieldOffset(0)]
    public int Id;

    [FieldOffset(8)]
    public Dim3 Extents;

    [FieldOffset(8)]
    public int Flag;

    /// <summary><c>CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION</c>.</summary>
    public static LaunchAttribute Cluster(Dim3 extents) => new() { Id = 4, Extents = extents };

    /// <summary><c>CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION</c>.</summary>
    public static LaunchAttribute OverlapsPredecessor() => new() { Id = 6, Flag = 1 };
}
