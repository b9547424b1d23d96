namespace DilatedKernels.Nn;

/// <summary>Joins tensors along their channels.</summary>
public sealed class ConcatLayer : Join
{
    /// <inheritdoc/>
    public override Tensor Forward(IReadOnlyList<Tensor> inputs) => Ops.Concat([.. inputs]);

    /// <summary>Writes what it does.</summary>
    public override string ToString() => "concat";
}
