namespace DilatedKernels.Nn;

/// <summary>The element-wise sum of two tensors.</summary>
public sealed class AddLayer : Join
{
    /// <inheritdoc/>
    public override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        CheckCount(inputs, 2, "Adding");
        return Ops.Add(inputs[0], inputs[1]);
    }

    /// <summary>Writes what it does.</summary>
    public override string ToString() => "add";
}
