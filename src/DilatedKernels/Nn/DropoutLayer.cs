namespace DilatedKernels.Nn;

/// <summary>
/// While training, sets each value to zero with probability <c>rate</c> and divides the others by <c>1 − rate</c>
/// (Srivastava et al. 2014, inverted form); in prediction it returns its input itself.
/// </summary>
public sealed class DropoutLayer : Module
{
    private readonly uint _layerIndex;

    /// <summary>Makes the layer.</summary>
    /// <param name="rate">The probability of zero, from 0 to below 1.</param>
    /// <param name="layerIndex">Tells the dropout layers of one network apart: equal indices draw equal masks.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rate"/> is outside [0, 1).</exception>
    public DropoutLayer(float rate, int layerIndex)
    {
        if (!(rate >= 0f && rate < 1f))
        {
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "A dropout rate is from 0 to below 1.");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(layerIndex);
        Rate = rate;
        _layerIndex = (uint)layerIndex;
    }

    /// <summary>The probability of zero.</summary>
    public float Rate { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => [];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) =>
        context.IsTraining && Rate > 0f ? Ops.Dropout(x, Rate, context.Seed, context.Step, _layerIndex) : x;

    /// <summary>Writes the rate.</summary>
    public override string ToString() => $"dropout {Rate}";
}
