namespace DilatedKernels.Nn;

/// <summary>Enlarges every channel by a whole factor with a fixed bilinear kernel; no parameters.</summary>
/// <param name="scale">Output rows per input row, 1 or more; likewise columns.</param>
/// <param name="padded">Whether the result is exactly scale times its input, without the rows and columns at its borders.</param>
public sealed class BilinearDeconvolutionLayer(int scale, bool padded = true) : Module
{
    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.BilinearDeconvolution(x, scale, padded);

    /// <summary>Writes the factor.</summary>
    public override string ToString() => $"bilinear ×{scale}";
}
