namespace DilatedKernels;

/// <summary>A trainable tensor with its gradient and what the optimizer needs to know of it.</summary>
public sealed class Parameter : IDisposable
{
    private static long s_trainabilityChanges;

    private Tensor? _gradient;

    // Readers, or -1 for an update.
    private int _uses;

    /// <summary>Takes ownership of <paramref name="value"/>.</summary>
    /// <param name="name">A name unique within the network, such as <c>conv1_1.weight</c>.</param>
    /// <param name="value">The initial value, float32: bfloat16 would lose what small steps add up to.</param>
    /// <exception cref="ArgumentException">The name is empty, or the value is not float32, or belongs to a tape or to another parameter.</exception>
    public Parameter(string name, Tensor value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(value);
        Guard.IsFloat32(value, $"value of the parameter {name}");
        if (value.Tape is not null || value.Parameter is not null)
        {
            string owner = value.Parameter is { } other ? $"the parameter '{other.Name}'" : "a tape, which frees it; Tape.MoveOut gives it to you";
            throw new ArgumentException($"The value {value.Shape} of the parameter '{name}' belongs to {owner}.", nameof(value));
        }

        Name = name;
        Value = value;
        value.RequiresGradient = true;
        value.Parameter = this;
        // What a ReLU made is a value like any other from here on.
        value.IsRectified = false;
    }

    /// <summary>A name unique within the network.</summary>
    public string Name { get; }

    /// <summary>The value; optimizers overwrite it in place.</summary>
    public Tensor Value { get; }

    /// <summary>The sum of gradients since <see cref="ClearGradient"/>, or null when none has arrived.</summary>
    public Tensor? Gradient => HasGradient ? _gradient : null;

    /// <summary>Factor on the learning rate; the paper's recipes use 2 for biases. 1 by default.</summary>
    public float LearningRateMultiplier { get; init; } = 1f;

    /// <summary>Factor on the weight decay; the paper's recipes use 0 for biases. 1 by default.</summary>
    public float WeightDecayMultiplier { get; init; } = 1f;

    /// <summary>Whether gradients are computed for this parameter. True by default.</summary>
    public bool IsTrainable
    {
        get => Value.RequiresGradient;
        set
        {
            if (Value.RequiresGradient != value)
            {
                Value.RequiresGradient = value;
                Interlocked.Increment(ref s_trainabilityChanges);
            }
        }
    }

    /// <summary>
    /// How often a parameter of the process has become trainable or ceased to be. A recorded step does not know which parameters it read, so it
    /// is recorded anew when this changes.
    /// </summary>
    internal static long TrainabilityChanges => Interlocked.Read(ref s_trainabilityChanges);

    internal bool HasGradient { get; set; }

    /// <summary>Forgets the gradient; the next backward pass starts a new sum. The memory is kept for it.</summary>
    public void ClearGradient() => HasGradient = false;

    /// <summary>Gives the memory of value and gradient back.</summary>
    public void Dispose()
    {
        Value.Dispose();
        HasGradient = false;
        _gradient?.Dispose();
    }

    /// <summary>Adds a reader (1) or an update (-1) where the others allow it.</summary>
    internal bool TryUse(int change)
    {
        for (int uses = Volatile.Read(ref _uses); change > 0 ? uses >= 0 : uses == 0; uses = Volatile.Read(ref _uses))
        {
            if (Interlocked.CompareExchange(ref _uses, uses + change, uses) == uses)
            {
                return true;
            }
        }

        return false;
    }

    internal void EndUse(int change) => Interlocked.Add(ref _uses, -change);

    /// <summary>Writes the name and shape.</summary>
    public override string ToString() => $"{Name} {Value.Shape}";

    /// <summary>Takes the gradient away, with its memory; the next backward pass starts a new sum in other memory. Null when none has arrived.</summary>
    internal Tensor? TakeGradient()
    {
        Tensor? gradient = Gradient;
        if (gradient is not null)
        {
            HasGradient = false;
            _gradient = null;
        }

        return gradient;
    }

    /// <summary>Takes over a gradient, or only its memory, in the place of the parameter's own.</summary>
    internal void PutGradient(Tensor gradient, bool isSum)
    {
        _gradient?.Dispose();
        _gradient = gradient;
        HasGradient = isSum;
    }

    internal Tensor GradientStorage() => _gradient ??= Tensor.Allocate(Value.Device, Value.Shape, ElementType.Float32, $"the gradient of '{Name}',");
}
