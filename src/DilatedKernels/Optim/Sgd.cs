using DilatedKernels.Backends;

namespace DilatedKernels.Optim;

/// <summary>
/// Stochastic gradient descent with momentum in Caffe's form, in which the paper's networks were trained:
/// <c>v ← momentum·v + rate·(g + decay·w); w ← w − v</c>. A change of the rate acts on new gradients only.
/// </summary>
public sealed class Sgd : Optimizer
{
    private readonly Tensor[] _velocity;

    /// <summary>Prepares for a set of parameters.</summary>
    /// <param name="parameters">At least one, on one device; names differ.</param>
    /// <param name="momentum">0 or more and less than 1; the paper uses 0.9 and 0.99.</param>
    /// <param name="weightDecay">0 or more; each parameter multiplies it by its own <see cref="Parameter.WeightDecayMultiplier"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range.</exception>
    public Sgd(IReadOnlyList<Parameter> parameters, float momentum = 0.9f, float weightDecay = 0f)
        : base(parameters)
    {
        Momentum = OptimizerSetting.Fraction(momentum, nameof(momentum));
        WeightDecay = OptimizerSetting.NotNegative(weightDecay, nameof(weightDecay));
        _velocity = AddState("velocity");
    }

    /// <summary>How much of the last update carries over.</summary>
    public float Momentum { get; }

    /// <summary>The factor of the weights that is added to their gradients.</summary>
    public float WeightDecay { get; }

    private protected override OptimizerSlot MakeSlot(int index, Parameter parameter, DeviceBuffer gradient) => new(
        parameter.Value.Buffer, gradient, _velocity[index].Buffer, null,
        parameter.Value.Shape.Count, parameter.LearningRateMultiplier, WeightDecay * parameter.WeightDecayMultiplier);

    private protected override void Apply(ReadOnlySpan<OptimizerSlot> slots, float learningRate, DeviceBuffer? loss) =>
        Backend.SgdStep(slots, learningRate, Momentum, loss);
}
