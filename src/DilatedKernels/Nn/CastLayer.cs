namespace DilatedKernels.Nn;

/// <summary>Brings its input to an element type, and gradients back to the input's: where a chain of layers that computes in bfloat16 begins and ends.</summary>
/// <param name="type">The type of the output.</param>
public sealed class CastLayer(ElementType type) : Module
{
    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.Cast(x, type);

    /// <summary>Writes the type.</summary>
    public override string ToString() => $"cast to {type.Name()}";
}
