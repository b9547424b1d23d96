using System.Runtime.CompilerServices;

namespace DilatedKernels.Cuda;

/// <summary>A tensor map: 128 opaque bytes, passed to a kernel by value as a <c>__grid_constant__</c> (<c>CUtensorMap</c>).</summary>
[InlineArray(Length)]
public struct TensorMap
{
    /// <summary>The number of 64-bit words.</summary>
    public const int Length = 16;

    private ulong _word;
}

/// <summary>Element types of a tensor map (<c>CUtensorMapDataType</c>).</summary>
public enum TensorMapType
{
    /// <summary>8-bit integers without sign.</summary>
    UInt8 = 0,

    /// <summary>IEEE half precision.</summary>
    Float16 = 6,

    /// <summary>IEEE single precision.</summary>
    Float32 = 7,

    /// <summary>Brain float.</summary>
    BFloat16 = 9,

    /// <summary>Single precision rounded to TF32 on the way in.</summary>
    TFloat32 = 11,
}

/// <summary>How 16-byte chunks are permuted in shared memory (<c>CUtensorMapSwizzle</c>).</summary>
public enum TensorMapSwizzle
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>Within rows of 32 bytes.</summary>
    Bytes32 = 1,

    /// <summary>Within rows of 64 bytes.</summary>
    Bytes64 = 2,

    /// <summary>Within rows of 128 bytes.</summary>
    Bytes128 = 3,
}

/// <summary>How far a load is promoted in the L2 cache (<c>CUtensorMapL2promotion</c>).</summary>
public enum TensorMapPromotion
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>To 64 bytes.</summary>
    Bytes64 = 1,

    /// <summary>To 128 bytes.</summary>
    Bytes128 = 2,

    /// <summary>To 256 bytes.</summary>
    Bytes256 = 3,
}

/// <summary>
/// A tensor in device memory as the copy engine sees it. Extents are fastest axis first; for an activation
/// <c>[N][H][W][C]</c> they are C, W, H, N. Elements outside the tensor read as zero.
/// </summary>
public ref struct TensorMapDescription
{
    /// <summary>Where the tensor starts; a multiple of 16.</summary>
    public DevicePointer Address { get; set; }

    /// <summary>The element type.</summary>
    public TensorMapType Type { get; set; }

    /// <summary>The extents, fastest axis first: 1 to 5 (3 to 5 for im2col).</summary>
    public ReadOnlySpan<ulong> Extents { get; set; }

    /// <summary>The distances in bytes along every axis but the fastest; multiples of 16.</summary>
    public ReadOnlySpan<ulong> Strides { get; set; }

    /// <summary>The step in elements along every axis; ones when empty.</summary>
    public ReadOnlySpan<uint> ElementSteps { get; set; }

    /// <summary>The permutation in shared memory.</summary>
    public TensorMapSwizzle Swizzle { get; set; }

    /// <summary>The promotion in the L2 cache.</summary>
    public TensorMapPromotion Promotion { get; set; }
}
