namespace DilatedKernels;

/// <summary>
/// How the processor computes convolutions of stride 1 with kernels of 3×3 and more taps, at any dilation. Other convolutions, and other
/// devices, are always direct.
/// </summary>
/// <remarks>
/// The algorithms of Winograd 1980 (Lavin and Gray 2016) run on the d·d sub-grids of a convolution of dilation d. Sums and differences of
/// neighbouring pixels are rounded before they are multiplied, but sums over products are shorter. An infinity or NaN reaches all outputs
/// of a tile that reads it, and pixels near the largest number can make one, since several of them are added.
/// </remarks>
public enum ConvolutionAlgorithm
{
    /// <summary>Of the others, what is estimated to be fastest; the estimate is the same on every machine.</summary>
    Automatic,

    /// <summary>Every product of the definition is computed and summed; taps in the padding are skipped.</summary>
    Direct,

    /// <summary>
    /// F(2×2, 3×3): 16 multiplications in the place of 36; larger kernels are cut into windows of 3×3 taps, so that 7×7 takes 100 in the place of 196.
    /// The relative error against double precision stays below 5e-6, as tests check, and was 2e-7 to 7e-7 on layers of 21 to 512 channels, where direct sums gave 2e-7 to 4e-7.
    /// </summary>
    Winograd,

    /// <summary>
    /// F(4×4, 3×3): 36 multiplications in the place of 144. The relative error against double precision stays below 5e-6, as tests check, and was 6e-7 to 2e-6 on the same layers.
    /// Larger kernels are computed as by <see cref="Winograd"/>.
    /// </summary>
    Winograd4x4,
}
