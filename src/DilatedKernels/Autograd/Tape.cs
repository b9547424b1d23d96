using System.Runtime.CompilerServices;
using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>
/// The scope of one step. While a tape is open on a thread, every tensor that an operator makes there belongs to it,
/// and nothing made by it outlives it. A recording tape also remembers how each tensor was computed, for
/// <see cref="Backward"/>.
/// </summary>
/// <example>
/// <code>
/// using Tape tape = Tape.Record();
/// Tensor scores = network.Forward(images, context);
/// Tensor loss = Ops.SoftmaxCrossEntropy(scores, labels);
/// tape.Backward(loss);
/// </code>
/// </example>
/// <remarks>Tapes nest: the innermost one of a thread is current. A tape is used by the thread that opened it.</remarks>
public sealed class Tape : IDisposable
{
    [ThreadStatic]
    private static Tape? s_current;

    private readonly Tape? _outer;
    private readonly List<IDisposable> _owned = [];
    private readonly List<TapeNode> _nodes = [];
    private readonly HashSet<Tensor> _kept = [];
    private readonly bool _detectAnomaly;
    private readonly CancellationToken _cancellation;
    private bool _ranBackward;
    private bool _isDisposed;

    private Tape(bool isRecording, bool detectAnomaly, CancellationToken cancellation)
    {
        IsRecording = isRecording;
        _detectAnomaly = detectAnomaly;
        _cancellation = cancellation;
        _outer = Current;
        s_current = this;
    }

    /// <summary>The innermost tape open on this thread, or null.</summary>
    public static Tape? Current
    {
        get
        {
            // Another thread may have disposed it, or one around it, first.
            while (s_current is { _isDisposed: true } disposed)
            {
                s_current = disposed._outer;
            }

            return s_current;
        }
    }

    /// <summary>Whether operators note their gradients: on a tape of <see cref="Record"/>, until it has run <see cref="Backward"/>.</summary>
    public bool IsRecording { get; private set; }

    /// <summary>Opens a tape that records gradients.</summary>
    /// <param name="detectAnomaly">
    /// Whether to look at every recorded result and every gradient, and to throw <see cref="NonFiniteException"/> at the first that holds NaN or an
    /// infinity. Everything is copied back for that, so a step takes several times as long.
    /// </param>
    /// <param name="cancellation">Looked at before every operator, forward and backward, which then throws <see cref="OperationCanceledException"/>: a step may take minutes.</param>
    public static Tape Record(bool detectAnomaly = false, CancellationToken cancellation = default) => new(isRecording: true, detectAnomaly, cancellation);

    /// <summary>Opens a tape that owns results and records nothing: for prediction.</summary>
    /// <param name="cancellation">Looked at before every operator, which then throws <see cref="OperationCanceledException"/>.</param>
    public static Tape Inference(CancellationToken cancellation = default) => new(isRecording: false, detectAnomaly: false, cancellation);

    /// <summary>Keeps a tensor's values through <see cref="Backward"/>, until the tape is disposed.</summary>
    /// <param name="tensor">A tensor of this tape.</param>
    /// <returns>The same tensor.</returns>
    /// <exception cref="ArgumentException">The tensor belongs to another tape.</exception>
    public Tensor Keep(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (tensor.Tape is { } owner && owner != this)
        {
            throw new ArgumentException($"The tensor {tensor.Shape} belongs to another tape, which frees it; give it to that one's Keep.", nameof(tensor));
        }

        _kept.Add(tensor);
        return tensor;
    }

    /// <summary>Hands a tensor over to the enclosing tape or, where there is none, to the caller, who then disposes it.</summary>
    /// <param name="tensor">A tensor of this tape that was not recorded, or, after <see cref="Backward"/>, one given to <see cref="Keep"/>.</param>
    /// <returns>The same tensor.</returns>
    /// <exception cref="ArgumentException">The tensor belongs to something else.</exception>
    /// <exception cref="InvalidOperationException">The tensor was recorded, and <see cref="Backward"/> has not run.</exception>
    public Tensor MoveOut(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (tensor.Tape != this)
        {
            throw new ArgumentException($"The tensor {tensor.Shape} does not belong to this tape.", nameof(tensor));
        }

        if (tensor.RequiresGradient && _nodes.Count > 0)
        {
            throw new InvalidOperationException($"Backward still needs the tensor {tensor.Shape}; give it to Keep and move it out after Backward.");
        }

        _owned.Remove(tensor);
        tensor.Tape = _outer;
        tensor.RequiresGradient = false;
        tensor.IsRectified = false;
        _outer?._owned.Add(tensor);
        return tensor;
    }

    /// <summary>Takes over a tensor that the caller owns; the tape frees it.</summary>
    /// <param name="tensor">A tensor that belongs to no tape.</param>
    /// <returns>The same tensor.</returns>
    /// <exception cref="ArgumentException">The tensor belongs to a tape already, or to a parameter.</exception>
    public Tensor Adopt(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (tensor.Tape is not null || tensor.Parameter is not null)
        {
            string owner = tensor.Parameter is { } parameter ? $"the parameter '{parameter.Name}'" : "a tape already";
            throw new ArgumentException($"The tensor {tensor.Shape} belongs to {owner}.", nameof(tensor));
        }

        tensor.Tape = this;
        _owned.Add(tensor);
        return tensor;
    }

    /// <summary>
    /// Computes the gradient of <paramref name="loss"/> with respect to every trainable parameter it was computed from and adds
    /// it to <see cref="Parameter.Gradient"/>. Intermediates are freed on the way, last use first, except the loss and the
    /// tensors given to <see cref="Keep"/>. A tape runs backward once, and records nothing any more.
    /// </summary>
    /// <param name="loss">A float32 scalar <c>[1, 1, 1, 1]</c> computed on this tape.</param>
    /// <exception cref="ArgumentException">The loss is not a float32 scalar.</exception>
    /// <exception cref="InvalidOperationException">
    /// The tape does not record, ran backward already, the loss depends on no trainable parameter, or a tensor has been overwritten since an operator read it.
    /// </exception>
    /// <exception cref="NonFiniteException">The tape looks for anomalies, and a gradient holds one.</exception>
    /// <exception cref="OperationCanceledException">The tape's token was cancelled.</exception>
    /// <remarks>Where it throws half-way, for want of memory, from a fault of the device or because it is cancelled, the parameters it reaches have no gradient afterwards, rather than a part of one.</remarks>
    public void Backward(Tensor loss) => BackwardTelling(loss, onGradient: null);

    /// <summary>As <see cref="Backward"/>, and tells of each parameter's gradient as soon as it is whole: when the last operation that read the parameter has run backward.</summary>
    internal void BackwardTelling(Tensor loss, Action<Parameter>? onGradient)
    {
        ArgumentNullException.ThrowIfNull(loss);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (loss.Shape != Shape.Scalar)
        {
            throw new ArgumentException($"Backward starts from a scalar {Shape.Scalar}; this tensor is {loss.Shape}.", nameof(loss));
        }

        Guard.IsFloat32(loss, "loss");

        if (_ranBackward)
        {
            throw new InvalidOperationException("The tape ran backward already, which frees what it had recorded; open another for another loss, or add the losses up.");
        }

        if (!IsRecording)
        {
            throw new InvalidOperationException("This tape was opened with Tape.Inference and recorded nothing; open it with Tape.Record.");
        }

        if (!loss.RequiresGradient || loss.Tape != this || _nodes.Count == 0)
        {
            throw new InvalidOperationException("The loss depends on no trainable parameter recorded on this tape.");
        }

        _kept.Add(loss);
        (_ranBackward, IsRecording) = (true, false);
        Dictionary<Parameter, int>? uses = onGradient is null ? null : CountUses();
        using var gradients = new GradientTable(loss);
        for (int i = _nodes.Count - 1; i >= 0; i--)
        {
            TapeNode node = _nodes[i];
            DeviceBuffer? gradient = gradients.Take(node.Output, out bool isMasked);
            if (gradient is not null)
            {
                try
                {
                    _cancellation.ThrowIfCancellationRequested();
                    node.ThrowIfOverwritten();
                    node.Backward(gradient, new GradientWriter(gradients, node.Inputs, gradient, isMasked));
                    if (_detectAnomaly)
                    {
                        FiniteCheck.Gradients(node, gradients);
                    }
                }
                catch (Exception e)
                {
                    gradient.Dispose();
                    ForgetUnfinishedGradients();
                    if (MemoryFault.Is(e))
                    {
                        throw MemoryFault.Explain(e, $"That was in the backward pass of {node.Describe()}.");
                    }

                    throw;
                }

                gradients.Return(gradient);
            }

            node.Saved?.Dispose();
            if (!_kept.Contains(node.Output))
            {
                node.Output.Dispose();
            }

            if (uses is not null)
            {
                TellWhole(node, uses, onGradient!);
            }
        }

        foreach (TapeNode node in _nodes)
        {
            node.Output.RequiresGradient = false;
        }

        _nodes.Clear();
    }

    /// <summary>Frees everything that the tape owns. The enclosing tape, if any, is current again.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return;
        }

        if (s_current == this)
        {
            s_current = _outer;
        }

        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }

        foreach (TapeNode node in _nodes)
        {
            node.Saved?.Dispose();
        }

        _owned.Clear();
        _nodes.Clear();
    }

    /// <summary>The trainable parameters that recorded operations read.</summary>
    internal IEnumerable<Parameter> TrainableParameters => _nodes.SelectMany(n => n.Inputs).Where(t => t.RequiresGradient).Select(t => t.Parameter).OfType<Parameter>();

    /// <summary>Makes the output tensor of an operator, on the device and of the type of its input, and gives it to the current tape.</summary>
    internal static Tensor NewOutput(Tensor input, Shape shape, Tensor? weight = null, [CallerMemberName] string name = "") =>
        NewOutput(input.Device, shape, input.ElementType, weight, name);

    /// <summary>Makes the output tensor of an operator and gives it to the current tape. Weight and name tell which it is where there is no memory for it.</summary>
    internal static Tensor NewOutput(
        Device device, Shape shape, ElementType type = ElementType.Float32, Tensor? weight = null, [CallerMemberName] string name = "")
    {
        Current?._cancellation.ThrowIfCancellationRequested();
        string purpose = weight?.Parameter is { } parameter ? $"the result of {name} ({parameter.Name})," : $"the result of {name},";
        Tensor output = Tensor.Allocate(device, shape, type, purpose);
        if (Current is { } tape)
        {
            tape._owned.Add(output);
            output.Tape = tape;
        }

        return output;
    }

    /// <summary>Memory in which an operator keeps something for its gradient. The current tape owns it, so that it is not lost where the operator fails.</summary>
    internal static DeviceBuffer NewSaved(Func<DeviceBuffer> allocate, [CallerMemberName] string name = "")
    {
        try
        {
            DeviceBuffer saved = allocate();
            Current!._owned.Add(saved);
            return saved;
        }
        catch (Exception e) when (MemoryFault.Is(e))
        {
            throw MemoryFault.Explain(e, $"It was for what {name} keeps for its gradient.");
        }
    }

    /// <summary>True when a result computed from these tensors now would be recorded.</summary>
    internal static bool WillRecord(params ReadOnlySpan<Tensor?> inputs)
    {
        if (Current is not { IsRecording: true })
        {
            return false;
        }

        foreach (Tensor? input in inputs)
        {
            if (input is { RequiresGradient: true })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Notes on the current tape how <paramref name="output"/>'s gradient turns into its inputs' gradients.
    /// Call only where <see cref="WillRecord"/> is true. <paramref name="saved"/> is freed after its use.
    /// </summary>
    internal static void RecordNode(Tensor output, Tensor[] inputs, BackwardFunction backward, IDisposable? saved = null, [CallerMemberName] string name = "")
    {
        Tape tape = Current!;
        var node = new TapeNode(name, output, inputs, backward, saved);
        if (Array.Find(inputs, input => input.RequiresGradient && input.Parameter is null && input.Tape != tape) is { } foreign)
        {
            throw new InvalidOperationException(
                $"{node.Describe()} reads the tensor {foreign.Shape} of another tape, where its gradient would be lost: record both on one tape, or compute it under Tape.Inference where no gradient is wanted.");
        }

        output.RequiresGradient = true;
        tape._nodes.Add(node);
        if (tape._detectAnomaly)
        {
            FiniteCheck.Result(node);
        }
    }

    /// <summary>Computes something under a tape of its own, and gives the result to the caller.</summary>
    internal static Tensor InferUntaped(Func<Tensor> compute)
    {
        using Tape tape = Inference();
        Tensor result = compute();
        // It may be what came in.
        return result.Tape == tape ? tape.MoveOut(result) : result;
    }

    /// <summary>Frees an intermediate early when nothing recorded needs it: for chains whose links nobody else holds.</summary>
    internal static void ReleaseIfUnrecorded(Tensor tensor)
    {
        if (tensor.Tape is { } tape && !tensor.RequiresGradient && !tape._kept.Contains(tensor) && !tape.IsInput(tensor))
        {
            tape._owned.Remove(tensor);
            tensor.Dispose();
        }
    }

    private Dictionary<Parameter, int> CountUses()
    {
        var uses = new Dictionary<Parameter, int>();
        foreach (Parameter parameter in TrainableParameters)
        {
            uses[parameter] = uses.GetValueOrDefault(parameter) + 1;
        }

        return uses;
    }

    private void TellWhole(TapeNode node, Dictionary<Parameter, int> uses, Action<Parameter> onGradient)
    {
        foreach (Tensor input in node.Inputs)
        {
            if (input is { RequiresGradient: true, Parameter: { } parameter } && --uses[parameter] == 0 && parameter.HasGradient)
            {
                try
                {
                    onGradient(parameter);
                }
                catch
                {
                    ForgetUnfinishedGradients();
                    throw;
                }
            }
        }
    }

    private void ForgetUnfinishedGradients()
    {
        foreach (Parameter parameter in TrainableParameters)
        {
            parameter.ClearGradient();
        }
    }

    private bool IsInput(Tensor tensor) => _nodes.Exists(node => Array.IndexOf(node.Inputs, tensor) >= 0);
}
