using DilatedKernels.Backends;

namespace DilatedKernels.Optim;

/// <summary>
/// Adam (Kingma and Ba 2015, algorithm 1): <c>m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²; w ← w − rate·m̂ / (√v̂ + ε)</c> with
/// <c>m̂ = m / (1 − β₁ᵗ)</c> and <c>v̂ = v / (1 − β₂ᵗ)</c>. Weight decay is added to the gradient.
/// </summary>
/// <remarks>
/// t is <see cref="Optimizer.StepCount"/>, one for all parameters. One that has its first gradient in a later step, because it was frozen before, is corrected as if its
/// gradients had been 0 until then, and its first steps are longer than those of an optimizer that begins there: make a new one where that matters.
/// </remarks>
public sealed class Adam : Optimizer
{
    private readonly Tensor[] _first;
    private readonly Tensor[] _second;

    /// <summary>Prepares for a set of parameters.</summary>
    /// <param name="parameters">At least one, on one device; names differ.</param>
    /// <param name="beta1">Decay of the mean gradient, 0 or more and less than 1.</param>
    /// <param name="beta2">Decay of the mean squared gradient, 0 or more and less than 1.</param>
    /// <param name="epsilon">Added to the root, more than 0.</param>
    /// <param name="weightDecay">0 or more; each parameter multiplies it by its own <see cref="Parameter.WeightDecayMultiplier"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range.</exception>
    public Adam(IReadOnlyList<Parameter> parameters, float beta1 = 0.9f, float beta2 = 0.999f, float epsilon = 1e-8f, float weightDecay = 0f)
        : base(parameters)
    {
        Beta1 = OptimizerSetting.Fraction(beta1, nameof(beta1));
        Beta2 = OptimizerSetting.Fraction(beta2, nameof(beta2));
        OptimizerSetting.Check(epsilon, float.IsFinite(epsilon) && epsilon > 0f, nameof(epsilon), "more than 0 and finite");
        Epsilon = epsilon;
        WeightDecay = OptimizerSetting.NotNegative(weightDecay, nameof(weightDecay));
        _first = AddState("mean");
        _second = AddState("square");
    }

    /// <summary>Decay of the mean gradient, β₁.</summary>
    public float Beta1 { get; }

    /// <summary>Decay of the mean squared gradient, β₂.</summary>
    public float Beta2 { get; }

    /// <summary>What is added to the root, ε.</summary>
    public float Epsilon { get; }

    /// <summary>The factor of the weights that is added to their gradients.</summary>
    public float WeightDecay { get; }

    private protected override OptimizerSlot MakeSlot(int index, Parameter parameter, DeviceBuffer gradient) => new(
        parameter.Value.Buffer, gradient, _first[index].Buffer, _second[index].Buffer,
        parameter.Value.Shape.Count, parameter.LearningRateMultiplier, WeightDecay * parameter.WeightDecayMultiplier);

    private protected override void Apply(ReadOnlySpan<OptimizerSlot> slots, float learningRate, DeviceBuffer? loss) =>
        Backend.AdamStep(slots, learningRate, Beta1, Beta2, Epsilon, StepCount, loss);
}
