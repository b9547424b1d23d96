namespace DilatedKernels;

/// <summary>
/// Keeps an update of parameters apart from everything else that is done with them: a network is trained, or any number of threads predict with it. An update
/// beside another use is refused, because what came out would depend on the threads' timing.
/// </summary>
/// <example>
/// <code>
/// using ParameterUse use = ParameterUse.Read(network.Parameters);
/// using Tape tape = Tape.Inference();
/// Tensor scores = network.Forward(image, ForwardContext.Inference);
/// </code>
/// </example>
/// <remarks>
/// Optimizers, recorded steps and predictors do this themselves. Code that runs a network's layers on its own while another thread may train it does it as in the example.
/// </remarks>
public sealed class ParameterUse : IDisposable
{
    private readonly int _change;
    private IReadOnlyList<Parameter>? _parameters;

    private ParameterUse(IReadOnlyList<Parameter> parameters, int change)
    {
        _change = change;
        for (int i = 0; i < parameters.Count; i++)
        {
            if (!parameters[i].TryUse(change))
            {
                Release(parameters, i);
                string other = change > 0 ? "is being updated" : "is in use";
                throw new InvalidOperationException(
                    $"The parameter '{parameters[i].Name}' {other} by another thread. A network is trained by one thread or predicts on several, not both at once: predict between steps, or with a copy of the network.");
            }
        }

        _parameters = parameters;
    }

    /// <summary>Begins a use that changes nothing, to be ended with <see cref="Dispose"/>; several may overlap.</summary>
    /// <param name="parameters">What is read.</param>
    /// <exception cref="InvalidOperationException">One is being updated.</exception>
    public static ParameterUse Read(IReadOnlyList<Parameter> parameters) => Begin(parameters, 1);

    /// <summary>Begins an update, to be ended with <see cref="Dispose"/>.</summary>
    /// <param name="parameters">What is written.</param>
    /// <exception cref="InvalidOperationException">One is in use.</exception>
    public static ParameterUse Update(IReadOnlyList<Parameter> parameters) => Begin(parameters, -1);

    /// <summary>Ends the use.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _parameters, null) is { } parameters)
        {
            Release(parameters, parameters.Count);
        }
    }

    private static ParameterUse Begin(IReadOnlyList<Parameter> parameters, int change)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return new ParameterUse(parameters, change);
    }

    private void Release(IReadOnlyList<Parameter> parameters, int count)
    {
        for (int i = 0; i < count; i++)
        {
            parameters[i].EndUse(_change);
        }
    }
}
