using System.Runtime.InteropServices;
using DilatedKernels.Backends;

namespace DilatedKernels.Optim;

/// <summary>Moves parameters along their gradients, in place. Parameters that have no gradient, or are not trainable, stay as they are.</summary>
public abstract class Optimizer : IDisposable
{
    private readonly List<(string Name, Tensor State)> _states = [];
    private volatile bool _isDisposed;

    /// <summary>Prepares for a set of parameters on one device.</summary>
    /// <param name="parameters">At least one; names differ.</param>
    /// <exception cref="ArgumentException">There is no parameter, two have one name, or they are on different devices.</exception>
    protected Optimizer(IReadOnlyList<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        if (parameters.Count == 0)
        {
            throw new ArgumentException("An optimizer needs at least one parameter.", nameof(parameters));
        }

        var names = new HashSet<string>();
        foreach (Parameter parameter in parameters)
        {
            ArgumentNullException.ThrowIfNull(parameter, nameof(parameters));
            Guard.SameDevice(parameters[0].Value, parameter.Value);
            if (!names.Add(parameter.Name))
            {
                throw new ArgumentException($"Two parameters are named '{parameter.Name}'; checkpoints need names that differ.", nameof(parameters));
            }
        }

        Parameters = [.. parameters];
    }

    /// <summary>The parameters, in the order given.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>
    /// What the optimizer remembers between steps, one tensor of the parameter's shape each, named <c>&lt;parameter&gt;.&lt;state&gt;</c>. With
    /// <see cref="StepCount"/>, all that a checkpoint needs; restore by overwriting the tensors in place.
    /// </summary>
    public IReadOnlyList<(string Name, Tensor State)> States => _states;

    /// <summary>The number of steps taken. Set it when a checkpoint is restored.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value below 0.</exception>
    public long StepCount
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>The device of the parameters.</summary>
    internal Backend Backend => Parameters[0].Value.Backend;

    /// <summary>Updates every trainable parameter that has a gradient.</summary>
    /// <param name="learningRate">0 or more and finite; each parameter multiplies it by its own <see cref="Parameter.LearningRateMultiplier"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="learningRate"/> is negative or not finite.</exception>
    /// <exception cref="InvalidOperationException">Another thread predicts with a parameter, or updates it.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer has been disposed.</exception>
    public void Step(float learningRate)
    {
        using ParameterUse use = ParameterUse.Update(Parameters);
        Step(learningRate, null);
    }

    /// <summary>Forgets all gradients.</summary>
    public void ClearGradients()
    {
        foreach (Parameter parameter in Parameters)
        {
            parameter.ClearGradient();
        }
    }

    /// <summary>The Euclidean norm of all gradients together.</summary>
    public float GradientNorm()
    {
        using DeviceBuffer result = Backend.Allocate(1, ElementType.Float32);
        double sum = 0;
        foreach (Parameter parameter in Parameters)
        {
            if (parameter.IsTrainable && parameter.Gradient is { } gradient)
            {
                float square = 0;
                Backend.SumOfSquares(gradient.Buffer, gradient.Shape.Count, result);
                Backend.Download(result, MemoryMarshal.AsBytes(new Span<float>(ref square)));
                sum += square;
            }
        }

        return (float)Math.Sqrt(sum);
    }

    /// <summary>
    /// Where the gradients together are longer than <paramref name="norm"/>, multiplies all of them by <c>norm / length</c> (Pascanu et al. 2013, algorithm 1);
    /// shorter ones keep their bits. Weight decay, which is no part of the gradients, is not clipped.
    /// </summary>
    /// <param name="norm">The greatest length that stays as it is, more than 0 and finite.</param>
    /// <remarks>
    /// Squares are added in double precision, parameters' sums in float32, in a fixed order. Nothing waits for the device. A length over 1.8·10¹⁹ is infinite here:
    /// gradients become 0 then, and infinite ones NaN, as 0 times infinity is; <see cref="GradientNorm"/> tells of it before.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="norm"/> is 0, negative or not finite.</exception>
    public void ClipGradients(float norm)
    {
        CheckNorm(norm);
        using DeviceBuffer total = Backend.Allocate(1, ElementType.Float32), term = Backend.Allocate(1, ElementType.Float32);
        Backend.Fill(total, 1, 0f);
        foreach (Tensor gradient in Gradients())
        {
            Backend.SumOfSquares(gradient.Buffer, gradient.Shape.Count, term);
            Backend.Add(total, term, total, 1);
        }

        Backend.ClipFactor(total, norm, term);
        foreach (Tensor gradient in Gradients())
        {
            Backend.ScaleBy(gradient.Buffer, term, gradient.Buffer, gradient.Shape.Count);
        }

        GC.KeepAlive(this);
    }

    /// <summary>Gives the memory of the states back; the parameters stay.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        foreach ((_, Tensor state) in _states)
        {
            state.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    internal static void CheckNorm(float norm) =>
        OptimizerSetting.Check(norm, float.IsFinite(norm) && norm > 0f, nameof(norm), "more than 0 and finite");

    internal static void CheckRate(float learningRate) =>
        OptimizerSetting.Check(learningRate, float.IsFinite(learningRate) && learningRate >= 0, nameof(learningRate), "0 or more and finite");

    /// <summary>
    /// As <see cref="Step(float)"/>, but where <paramref name="loss"/> turns out not to be a finite number, parameters and states stay as they are. The device decides,
    /// so that nobody waits for the loss; the caller who reads it later takes the step off <see cref="StepCount"/> again.
    /// </summary>
    internal void Step(float learningRate, Tensor? loss)
    {
        CheckRate(learningRate);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var slots = new List<OptimizerSlot>(Parameters.Count);
        for (int i = 0; i < Parameters.Count; i++)
        {
            Parameter parameter = Parameters[i];
            if (parameter.IsTrainable && parameter.Gradient is { } gradient)
            {
                slots.Add(MakeSlot(i, parameter, gradient.Buffer));
                parameter.Value.NoteOverwriting();
            }
        }

        StepCount++;
        try
        {
            Apply(CollectionsMarshal.AsSpan(slots), learningRate, loss?.Buffer);
        }
        catch
        {
            StepCount--;
            throw;
        }

        GC.KeepAlive(this);
    }

    private protected abstract OptimizerSlot MakeSlot(int index, Parameter parameter, DeviceBuffer gradient);

    private protected abstract void Apply(ReadOnlySpan<OptimizerSlot> slots, float learningRate, DeviceBuffer? loss);

    private IEnumerable<Tensor> Gradients() => Parameters.Where(parameter => parameter.IsTrainable).Select(parameter => parameter.Gradient).OfType<Tensor>();

    /// <summary>One zero tensor for every parameter, listed in <see cref="States"/>.</summary>
    private protected Tensor[] AddState(string name)
    {
        var states = new Tensor[Parameters.Count];
        try
        {
            for (int i = 0; i < states.Length; i++)
            {
                Tensor value = Parameters[i].Value;
                states[i] = Tensor.Zeros(value.Device, value.Shape);
                _states.Add(($"{Parameters[i].Name}.{name}", states[i]));
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        return states;
    }
}
