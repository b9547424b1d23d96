namespace DilatedKernels.Nn;

/// <summary>Multiplies its input by a constant.</summary>
/// <param name="factor">The constant.</param>
public sealed class ScaleLayer(float factor) : Module
{
    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.Scale(x, factor);

    /// <summary>Writes the constant.</summary>
    public override string ToString() => $"scale {factor}";
}
