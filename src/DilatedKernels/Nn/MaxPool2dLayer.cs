namespace DilatedKernels.Nn;

/// <summary>Maximum over a moving window.</summary>
/// <param name="kernel">The window, 1 or more along both axes.</param>
/// <param name="stride">The distance between windows, 1 or more.</param>
/// <param name="padding">Positions added at each side, which never win.</param>
/// <param name="rounding">What happens to a last window that only partly fits.</param>
public sealed class MaxPool2dLayer(Size2 kernel, Size2 stride, Size2 padding = default, PoolRounding rounding = PoolRounding.Floor) : Module
{
    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.MaxPool2d(x, kernel, stride, padding, rounding);

    /// <summary>Writes the window and stride.</summary>
    public override string ToString() => $"max pool {kernel}, stride {stride}";
}
