using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// Upsampling by a transposed convolution with fixed bilinear weights, one kernel per channel, as the networks of Long et al. (2015) and
    /// Yu and Koltun's Cityscapes network have it: kernel <c>k = 2s − s mod 2</c>, stride s, padding <c>⌈(s − 1)/2⌉</c> and weights
    /// <c>w(i) = 1 − |i/f − c|</c> along each axis, with <c>f = ⌈k/2⌉</c> and <c>c = (2f − 1 − f mod 2)/(2f)</c>.
    /// </summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="scale">s, 1 or more.</param>
    /// <param name="padded">False for no padding: the result keeps the rows and columns at its borders that a padded one leaves off.</param>
    /// <returns><c>[N, C, s·H, s·W]</c>; without padding <c>[N, C, (H − 1)·s + k, (W − 1)·s + k]</c>.</returns>
    /// <remarks>
    /// Equals <see cref="UpsampleBilinear"/> with <see cref="BilinearAlignment.HalfPixel"/> except in the outermost s/2 pixels, where the weight that
    /// falls outside the map is lost and the result fades towards 0.
    /// </remarks>
    /// <exception cref="ArgumentException">The input has no rows or no columns.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="scale"/> is below 1.</exception>
    public static Tensor BilinearDeconvolution(Tensor x, int scale, bool padded = true)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(scale, 1);
        CheckNotEmpty(x.Shape);
        return Upsample(x, ResampleAxis.Deconvolution(x.Shape.H, scale, padded), ResampleAxis.Deconvolution(x.Shape.W, scale, padded));
    }
}
