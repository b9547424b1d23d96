namespace DilatedKernels.Segmentation.Crf;

/// <summary>A Gaussian kernel between the pixels of one image, as a linear map over them that is the same for every class.</summary>
internal interface IPixelKernel
{
    int Points { get; }

    /// <summary><c>y(i) = after(i) · Σ_j K(i, j) · before(j) · x(j)</c>, the pixel itself included; with <paramref name="transposed"/>, K(j, i).</summary>
    /// <param name="x"><see cref="Rows"/>.</param>
    /// <param name="y">Overwritten; not <paramref name="x"/>.</param>
    /// <param name="stride">From one row to the next, a multiple of <see cref="Rows.Lanes"/>.</param>
    /// <param name="before">A factor a pixel; null for 1.</param>
    /// <param name="after">A factor a pixel; null for 1.</param>
    /// <param name="transposed">Whether to apply the transpose of K.</param>
    void Apply(float[] x, float[] y, int stride, float[]? before, float[]? after, bool transposed);
}
