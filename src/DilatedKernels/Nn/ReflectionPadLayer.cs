namespace DilatedKernels.Nn;

/// <summary>Extends a map at every side by its mirror image; the edge itself is not repeated.</summary>
/// <param name="amount">Rows and columns added at each side, less than the map's extent.</param>
public sealed class ReflectionPadLayer(int amount) : Module
{
    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.ReflectionPad(x, amount, amount, amount, amount);

    /// <summary>Writes the amount.</summary>
    public override string ToString() => $"reflection pad {amount}";
}
