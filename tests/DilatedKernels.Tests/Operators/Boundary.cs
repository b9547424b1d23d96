namespace DilatedKernels.Tests.Operators;

/// <summary>Extents at which kernels change their ways.</summary>
internal static class Boundary
{
    /// <summary>One, both sides of the widest access and of a warp, and the classes of PASCAL VOC.</summary>
    public static readonly int[] Channels = [1, 7, 8, 9, 21, 31, 32, 33];
}
