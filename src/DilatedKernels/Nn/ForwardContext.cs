namespace DilatedKernels.Nn;

/// <summary>What a forward pass is for. Random layers draw only while training, by (seed, step).</summary>
public readonly record struct ForwardContext
{
    private ForwardContext(bool isTraining, ulong seed, ulong step)
    {
        (IsTraining, Seed, Step) = (isTraining, seed, step);
    }

    /// <summary>Prediction: dropout passes its input through.</summary>
    public static ForwardContext Inference => default;

    /// <summary>Whether dropout is on.</summary>
    public bool IsTraining { get; }

    /// <summary>The run's seed.</summary>
    public ulong Seed { get; }

    /// <summary>The training step.</summary>
    public ulong Step { get; }

    /// <summary>A training step.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">The step's number.</param>
    public static ForwardContext Training(ulong seed, ulong step) => new(true, seed, step);
}
