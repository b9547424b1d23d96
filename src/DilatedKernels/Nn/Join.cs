namespace DilatedKernels.Nn;

/// <summary>A module without parameters that makes one tensor of several: where the branches of a <see cref="Graph"/> meet.</summary>
public abstract class Join : Module
{
    /// <inheritdoc/>
    public sealed override IReadOnlyList<Parameter> Parameters => [];

    /// <summary>Applies the module.</summary>
    /// <param name="inputs">The tensors, in the module's own order.</param>
    public abstract Tensor Forward(IReadOnlyList<Tensor> inputs);

    /// <inheritdoc/>
    public sealed override Tensor Forward(Tensor x, ForwardContext context) => Forward([x]);
}

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

    internal static void CheckCount(IReadOnlyList<Tensor> inputs, int count, string what)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Count != count)
        {
            throw new ArgumentException($"{what} takes {count} tensors; there were {inputs.Count}.", nameof(inputs));
        }
    }
}

/// <summary>Joins tensors along their channels.</summary>
public sealed class ConcatLayer : Join
{
    /// <inheritdoc/>
    public override Tensor Forward(IReadOnlyList<Tensor> inputs) => Ops.Concat([.. inputs]);

    /// <summary>Writes what it does.</summary>
    public override string ToString() => "concat";
}

/// <summary>Cuts out of the first tensor a map of the second one's height and width.</summary>
/// <param name="offset">The first row and column.</param>
public sealed class CropLayer(Size2 offset) : Join
{
    /// <inheritdoc/>
    public override Tensor Forward(IReadOnlyList<Tensor> inputs)
    {
        AddLayer.CheckCount(inputs, 2, "A crop to another map's size");
        return Ops.Crop(inputs[0], offset.Height, offset.Width, inputs[1].Shape.H, inputs[1].Shape.W);
    }

    /// <summary>Writes where it cuts.</summary>
    public override string ToString() => $"crop at {offset}";
}
