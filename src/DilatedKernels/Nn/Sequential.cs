namespace DilatedKernels.Nn;

/// <summary>
/// Layers applied one after another. What a layer made is freed as soon as the next one has read it, unless a gradient
/// will need it or <see cref="Tape.Keep"/> was called on it, so the memory of a prediction does not grow with depth. Where no tape is open, the result
/// belongs to the caller, and everything before it is freed.
/// </summary>
public sealed class Sequential : Module
{
    private readonly Module[] _layers;
    private readonly Parameter[] _parameters;

    /// <summary>Makes the chain and takes ownership of its layers.</summary>
    /// <param name="layers">The layers in the order of computation; none gives the identity. One that comes several times shares its parameters.</param>
    public Sequential(params IEnumerable<Module> layers)
    {
        _layers = [.. layers];
        _parameters = [.. _layers.SelectMany(layer => layer.Parameters).Distinct()];
    }

    /// <summary>The layers in the order of computation.</summary>
    public IReadOnlyList<Module> Layers => _layers;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Tape.Current is null ? Tape.InferUntaped(() => Apply(x, context)) : Apply(x, context);
    }

    private Tensor Apply(Tensor x, ForwardContext context)
    {
        Tensor current = x;
        foreach (Module layer in _layers)
        {
            Tensor next = layer.Forward(current, context);
            // A layer may hand its input on (dropout in prediction does), and x belongs to the caller.
            if (next != current && current != x)
            {
                Tape.ReleaseIfUnrecorded(current);
            }

            current = next;
        }

        return current;
    }
}
