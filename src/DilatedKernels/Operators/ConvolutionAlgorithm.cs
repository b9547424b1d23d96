namespace DilatedKernels;

/// <summary>How the processor computes 3×3 convolutions of stride 1, at any dilation. Other convolutions, and other devices, are always direct.</summary>
public enum ConvolutionAlgorithm
{
    /// <summary><see cref="Winograd"/> where it is faster, <see cref="Direct"/> otherwise.</summary>
    Automatic,

    /// <summary>Every product of the definition is computed and summed; taps in the padding are skipped.</summary>
    Direct,

    /// <summary>
    /// F(2×2, 3×3) of Winograd 1980 (Lavin and Gray 2016) on the d·d sub-grids of a convolution of dilation d: 16 multiplications in the place of 36. Sums and
    /// differences of neighbouring pixels are rounded before they are multiplied, but sums are shorter: the relative error against double precision stays below
    /// 5e-6, as tests check, and was 2e-7 to 7e-7 on layers of 21 to 512 channels, where direct sums gave 2e-7 to 4e-7.
    /// An infinity or NaN reaches all outputs of the tile that reads it, and pixels from 2^126 on can make one, since four of them are added.
    /// </summary>
    Winograd,
}
