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

    /// <summary>Refuses another number of inputs than a module takes.</summary>
    private protected static void CheckCount(IReadOnlyList<Tensor> inputs, int count, string what)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Count != count)
        {
            throw new ArgumentException($"{what} takes {count} tensors; there were {inputs.Count}.", nameof(inputs));
        }
    }
}
