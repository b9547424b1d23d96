namespace DilatedKernels.Nn;

/// <summary>Mean over a window that moves by one; zeros in the padding count.</summary>
/// <param name="kernel">The window, 1 or more along both axes.</param>
/// <param name="padding">Zeros added at each side, less than the window.</param>
public sealed class AveragePool2dLayer(Size2 kernel, Size2 padding = default) : Module
{
    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.AveragePool2d(x, kernel, padding);

    /// <summary>Writes the window.</summary>
    public override string ToString() => $"average pool {kernel}";
}
