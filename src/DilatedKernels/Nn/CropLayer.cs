namespace DilatedKernels.Nn;

/// <summary>Cuts out of the first tensor a map of the second one's height and width.</summary>
/// <param name="offset">The first row and column.</param>
public sealed class CropLayer(Size2 offset) : Join
{
    /// <inheritdoc/>
    public override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        CheckCount(inputs, 2, "A crop to another map's size");
        return Ops.Crop(inputs[0], offset.Height, offset.Width, inputs[1].Shape.H, inputs[1].Shape.W);
    }

    /// <summary>Writes where it cuts.</summary>
    public override string ToString() => $"crop at {offset}";
}
