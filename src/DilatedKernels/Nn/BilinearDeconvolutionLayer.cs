namespace DilatedKernels.Nn;

/// <summary>Enlarges every channel by a whole factor with a fixed bilinear kernel; no parameters.</summary>
/// <param name="scale">Output rows per input row, 1 or more; likewise columns.</param>
public sealed class BilinearDeconvolutionLayer(int scale) : Module
{
    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.BilinearDeconvolution(x, scale);

    /// <summary>Writes the factor.</summary>
    public override string ToString() => $"bilinear ×{scale}";
}
