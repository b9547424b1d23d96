using DilatedKernels.Backends;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;
using DilatedKernels.Nn;

namespace DilatedKernels.Optim;

/// <summary>
/// A training step that a GPU runs with one call: forward, backward, update. The first step runs as it is called, the second is recorded (a CUDA
/// graph), and from then on the recording is replayed with new input, labels, learning rate and step numbers. The results are the same bits as
/// without recording. On the processor every step runs as it is called.
/// </summary>
/// <example>
/// <code>
/// using var optimizer = new Adam(network.Parameters);
/// using var step = new RecordedStep(
///     new Shape(8, 3, 256, 256), new Size2(32, 32), optimizer,
///     (images, labels, context) => Ops.SoftmaxCrossEntropy(network.Forward(images, context), labels), seed: 1);
/// for (ulong i = 0; i &lt; 1000; i++)
/// {
///     (float[] images, byte[] labels) = NextBatch();
///     float loss = step.Run(i, images, labels, learningRate: 1e-3f);
/// }
/// </code>
/// </example>
/// <remarks>
/// The function does the same in every step: what it decides by other things than the values of its tensors stays as it was when the step was
/// recorded. It may use any operator, random ones with the context's seed and step. Where it does what a recording cannot hold (it reads values back,
/// uploads some, waits, or compares with other labels than those it is given), the step is run as it is called, and
/// <see cref="WhyNotRecorded"/> says why. Parameters and optimizer states may be overwritten between steps, <see cref="Optimizer.StepCount"/>
/// set, and parameters made trainable or not; after the latter the step is recorded anew. A recording keeps the memory of the step's intermediates. One
/// thread at a time uses it.
/// </remarks>
public sealed class RecordedStep : IDisposable
{
    private readonly Optimizer _optimizer;
    private readonly HashSet<Parameter> _parameters;
    private readonly Func<Tensor, LabelMap, ForwardContext, Tensor> _computeLoss;
    private readonly ulong _seed;
    private readonly int _parts;
    private readonly int _firstPart;
    private readonly Tensor[] _inputs;
    private readonly LabelMap[] _labels;
    private readonly Tensor _loss;
    private readonly PartSums _sums;
    private readonly GradientExchange? _exchange;
    private readonly StepRecorder? _recorder;
    private Parameter? _stray;
    private CancellationToken _cancellation;
    private long _trainabilityChanges;
    private volatile bool _isDisposed;

    /// <summary>Prepares for steps of one shape. Neither optimizer nor network is owned.</summary>
    /// <param name="inputShape">The shape of every step's input <c>[N, C, H, W]</c>.</param>
    /// <param name="labelSize">Rows and columns of its N label maps.</param>
    /// <param name="optimizer">Holds all trainable parameters that the loss depends on; its device is the step's.</param>
    /// <param name="computeLoss">From input, labels and training context to the loss, a scalar <c>[1, 1, 1, 1]</c>.</param>
    /// <param name="seed">The seed of the context's random numbers.</param>
    /// <param name="parts">
    /// Into how many parts of N/<paramref name="parts"/> images a step is cut: the function is called for each, and their gradients and losses are added up, so that
    /// a step of many images takes the memory of few. Operators that take a mean over valid labels take it over those of the whole step, so the sums are
    /// to rounding those of one part; other functions of a part's loss are added as they are. Part p of a step has its own random numbers,
    /// those of step <c>parts · step + p</c>. Gradients and losses are added in one order, that of a binary tree over the parts' numbers.
    /// </param>
    /// <param name="group">
    /// The processes that compute the step together, or null where this one does alone. Each computes some of the parts, with a network, an optimizer and a step of its own
    /// that are alike; losses and gradients are added up over all of them, and every process makes the same update. The bits are those of one process that computes all
    /// the parts. Gradients that are there before a step count once: those of the process that computes part 0. Gradients of GPUs go from one's memory to another's by NCCL where it can
    /// be had and every process has a GPU of its own, else through host memory. Not owned.
    /// </param>
    /// <exception cref="ArgumentException">An extent is negative, N is no multiple of <paramref name="parts"/>, or there are more processes than parts.</exception>
    public RecordedStep(
        Shape inputShape, Size2 labelSize, Optimizer optimizer, Func<Tensor, LabelMap, ForwardContext, Tensor> computeLoss, ulong seed, int parts = 1, ProcessGroup? group = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(computeLoss);
        inputShape.ThrowIfInvalid(nameof(inputShape));
        ArgumentOutOfRangeException.ThrowIfNegative(labelSize.Height, nameof(labelSize));
        ArgumentOutOfRangeException.ThrowIfNegative(labelSize.Width, nameof(labelSize));
        ArgumentOutOfRangeException.ThrowIfLessThan(parts, 1);
        if (inputShape.N % parts != 0)
        {
            throw new ArgumentException($"A step of {inputShape.N} images cannot be cut into {parts} parts of the same size.", nameof(parts));
        }

        if (group?.Size > parts)
        {
            throw new ArgumentException($"A step of {parts} parts cannot be spread over {group.Size} processes: each computes one part or more.", nameof(group));
        }

        InputShape = inputShape;
        _parts = parts;
        (_firstPart, int end) = ShareOf(group, parts);
        _optimizer = optimizer;
        _parameters = [.. optimizer.Parameters];
        _computeLoss = computeLoss;
        _seed = seed;
        Device device = optimizer.Parameters[0].Value.Device;
        Shape part = inputShape with { N = inputShape.N / parts };
        byte[] labels = new byte[(long)part.N * labelSize.Height * labelSize.Width];
        _inputs = new Tensor[end - _firstPart];
        _labels = new LabelMap[_inputs.Length];
        try
        {
            for (int i = 0; i < _inputs.Length; i++)
            {
                _inputs[i] = Tensor.Zeros(device, part);
                _labels[i] = LabelMap.FromArray(device, part.N, labelSize.Height, labelSize.Width, labels);
            }

            _loss = Tensor.Zeros(device, Shape.Scalar);
        }
        catch
        {
            DisposeParts();
            throw;
        }

        StepLabels step = LabelMap.Join(_labels, parts);
        _sums = new PartSums(optimizer.Parameters);
        _exchange = group is null ? null : new GradientExchange(group, optimizer.Parameters, parts, step);
        _recorder = group is null ? device.Backend.CreateRecorder() : null;
        WhyNotRecorded = group is not null ? $"The step is computed by {group.Size} processes together, and what they exchange cannot be recorded."
            : _recorder is null ? $"The device {device} runs every step as it is called."
            : null;
    }

    /// <summary>Lets go of a recording that nobody disposed; the device knows of it, and would keep it.</summary>
    ~RecordedStep() => _recorder?.Abandon();

    /// <summary>The shape of every step's input.</summary>
    public Shape InputShape { get; }

    /// <summary>The shape of what this process computes of it: all, or in a group of processes its parts' images.</summary>
    public Shape OwnShape => InputShape with { N = _inputs[0].Shape.N * _inputs.Length };

    /// <summary>Rows and columns of every step's label maps.</summary>
    public Size2 LabelSize => new(_labels[0].Height, _labels[0].Width);

    /// <summary>Whether the next step will be a replay, as far as can be told.</summary>
    public bool IsRecorded => _recorder?.Stage == RecordingStage.Recorded;

    /// <summary>Why steps are not recorded, in one sentence; null when they are, or have yet to be.</summary>
    public string? WhyNotRecorded { get; private set; }

    /// <summary>
    /// Whether every step looks at all its results and gradients and throws at the first that is not finite, before its update. Such steps are not recorded and take
    /// several times as long.
    /// </summary>
    public bool DetectAnomaly { get; init; }

    /// <summary>The length to which the gradients of a step are shortened before its update (<see cref="Optimizer.ClipGradients"/>), or null for none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value that is 0, negative or not finite.</exception>
    public float? ClipNorm
    {
        get;
        init
        {
            if (value is { } norm)
            {
                Optimizer.CheckNorm(norm);
            }

            field = value;
        }
    }

    /// <summary>
    /// Numbers that this process adds to what all exchange at the beginning of a step, as many in every process; after <see cref="Run"/>, their sums. A group can so agree on
    /// something, such as whether one of them has been asked to stop, without another exchange. Without a group they stay as they are.
    /// </summary>
    public IReadOnlyList<long> Tally { get; set; } = [];

    /// <summary>How long this process waited for others of its group in the latest step.</summary>
    public TimeSpan Waited => _exchange?.Waited ?? TimeSpan.Zero;

    /// <summary>The exchange with other processes, for tests of when it sends.</summary>
    internal GradientExchange? Exchange => _exchange;

    /// <summary>The recorder, for tests of what it holds.</summary>
    internal StepRecorder? Recorder => _recorder;

    /// <summary>Which parts of a step this process computes.</summary>
    /// <param name="group">The processes that compute it together, or null for this one alone.</param>
    /// <param name="parts">The parts of a step.</param>
    /// <returns>The first part, and that after the last.</returns>
    public static (int Begin, int End) ShareOf(ProcessGroup? group, int parts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(parts, 1);
        return SumTree.Share(parts, group?.Size ?? 1, group?.Rank ?? 0);
    }

    /// <summary>Runs a step and waits for its loss. Gradients are forgotten at its end.</summary>
    /// <param name="step">Its number, for random layers.</param>
    /// <param name="input">The input <see cref="OwnShape"/> channels-last: N, then H, then W, then C.</param>
    /// <param name="labels">Class indices in the order N, H, W.</param>
    /// <param name="learningRate">0 or more and finite.</param>
    /// <param name="cancellation">
    /// On the processor, where a step may take minutes, looked at before every operator. A step that is cancelled changes no parameter and no state. A group of processes ends its steps
    /// together and does not look at it.
    /// </param>
    /// <returns>
    /// The loss, that of all processes, before the update. Where it is not a finite number, there was no update: parameters, optimizer states and
    /// <see cref="Optimizer.StepCount"/> are as before the step.
    /// </returns>
    /// <exception cref="ArgumentException">The number of values or labels is not that of the shapes, or a label is not a class.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="learningRate"/> is negative or not finite.</exception>
    /// <exception cref="InvalidOperationException">Another thread predicts with a parameter, or updates it.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; there was no update.</exception>
    /// <exception cref="NonFiniteException"><see cref="DetectAnomaly"/> is on, and a number is not finite; there was no update.</exception>
    /// <exception cref="CudaException">
    /// The driver refused. Where it had no memory left (<see cref="CudaException.OutOfMemory"/>) there was no update, all memory of the step has been given back, and
    /// the same device can run a smaller one. After any other fault it is unknown whether there was one: go on from a checkpoint.
    /// </exception>
    /// <exception cref="OutOfMemoryException">The processor's memory is used up; as above.</exception>
    /// <exception cref="ObjectDisposedException">The step, its optimizer or a parameter has been disposed.</exception>
    public float Run(ulong step, ReadOnlySpan<float> input, ReadOnlySpan<byte> labels, float learningRate, CancellationToken cancellation = default)
    {
        Optimizer.CheckRate(learningRate);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        using ParameterUse use = ParameterUse.Update(_optimizer.Parameters);
        SetParts(input, labels);
        Tally = _exchange?.Begin(Tally) ?? Tally;
        // What a GPU has been given runs to its end anyway, and a recording is made once. Others of a group would wait for this process's gradients.
        _cancellation = _recorder is null && _exchange is null ? cancellation : CancellationToken.None;
        long count = _optimizer.StepCount;
        float loss = float.NaN;
        try
        {
            _cancellation.ThrowIfCancellationRequested();
            Queue(new StepScalars(learningRate, count + 1, _seed, RandomStep(step), _labels[0]));
            loss = _loss.Item();
            return loss;
        }
        finally
        {
            _optimizer.StepCount = float.IsFinite(loss) ? count + 1 : count;
        }
    }

    /// <summary>Runs a step's forward and backward pass without its update and looks at every number: to find where a loss of NaN came from. Of a group, each process looks at its own parts.</summary>
    /// <param name="step">Its number, for random layers.</param>
    /// <param name="input">The input <see cref="OwnShape"/> channels-last: N, then H, then W, then C.</param>
    /// <param name="labels">Class indices in the order N, H, W.</param>
    /// <returns>Where the first number began that is not finite, or null when all are finite.</returns>
    /// <exception cref="ArgumentException">The number of values or labels is not that of the shapes, or a label is not a class.</exception>
    /// <exception cref="ObjectDisposedException">The step, its optimizer or a parameter has been disposed.</exception>
    public NonFiniteException? FindAnomaly(ulong step, ReadOnlySpan<float> input, ReadOnlySpan<byte> labels)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        SetParts(input, labels);
        try
        {
            for (int i = 0; i < _inputs.Length; i++)
            {
                using Tape tape = Tape.Record(detectAnomaly: true);
                tape.Backward(ComputeLoss(i, RandomStep(step)));
            }

            return null;
        }
        catch (NonFiniteException found)
        {
            return found;
        }
        finally
        {
            _optimizer.ClearGradients();
        }
    }

    /// <summary>Gives recording, input and labels back. Parameters and optimizer stay.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        GC.SuppressFinalize(this);
        _recorder?.Dispose();
        _exchange?.Dispose();
        DisposeParts();
        _loss.Dispose();
    }

    // The optimizer does not see what a recording does.
    private void Replay(StepScalars scalars)
    {
        _recorder!.Replay(scalars);
        foreach (Parameter parameter in _optimizer.Parameters)
        {
            if (parameter.IsTrainable)
            {
                parameter.Value.NoteOverwriting();
            }
        }
    }

    private void DisposeParts()
    {
        for (int i = 0; i < _inputs.Length; i++)
        {
            _inputs[i]?.Dispose();
            _labels[i]?.Dispose();
        }
    }

    private ulong RandomStep(ulong step) => unchecked(step * (ulong)_parts);

    private Tensor ComputeLoss(int index, ulong randomStep) =>
        _computeLoss(_inputs[index], _labels[index], ForwardContext.Training(_seed, unchecked(randomStep + (ulong)(_firstPart + index))));

    private void SetParts(ReadOnlySpan<float> input, ReadOnlySpan<byte> labels)
    {
        int values = (int)_inputs[0].Shape.Count;
        int positions = _labels[0].Batch * _labels[0].Height * _labels[0].Width;
        if (input.Length != OwnShape.Count || labels.Length != (long)positions * _labels.Length)
        {
            throw new ArgumentException(
                $"A step of the shape {OwnShape} with label maps of {LabelSize} takes {OwnShape.Count} values and {(long)positions * _labels.Length} labels, but {input.Length} and {labels.Length} were given.");
        }

        for (int i = 0; i < _inputs.Length; i++)
        {
            _inputs[i].SetChannelsLast(input.Slice(i * values, values));
            _labels[i].SetArray(labels.Slice(i * positions, positions));
        }
    }

    private void Queue(StepScalars scalars)
    {
        // Gradients from elsewhere would be added to, which a recording that starts without them does not do.
        if (_recorder is null || DetectAnomaly || WhyNotRecorded is not null || _optimizer.Parameters.Any(p => p.HasGradient))
        {
            QueueAsCalled(scalars);
            return;
        }

        long changes = Parameter.TrainabilityChanges;
        if (_trainabilityChanges != changes)
        {
            _recorder.Forget();
            _trainabilityChanges = changes;
        }

        foreach (LabelMap part in _labels)
        {
            part.CheckClassesAgain();
        }

        switch (_recorder.Stage)
        {
            case RecordingStage.Recorded:
                Replay(scalars);
                break;
            case RecordingStage.Noted when TryRecord(scalars):
                Replay(scalars);
                break;
            case RecordingStage.Noted:
                QueueAsCalled(scalars);
                break;
            default:
                _recorder.Note(() => QueueAsCalled(scalars));
                RefuseStrayParameters();
                break;
        }
    }

    private bool TryRecord(StepScalars scalars)
    {
        bool recorded = _recorder!.TryRecord(scalars, () => QueueAsCalled(scalars), out string reason);
        if (!recorded)
        {
            WhyNotRecorded = reason;
            _recorder.Forget();
        }

        return recorded;
    }

    private void QueueAsCalled(StepScalars scalars)
    {
        try
        {
            _optimizer.StepCount = scalars.OptimizerStep - 1;
            if (_firstPart > 0)
            {
                // Gradients from before the step are added to those of part 0, once.
                _optimizer.ClearGradients();
            }

            for (int i = 0; i < _inputs.Length; i++)
            {
                AddGradients(i, scalars.RandomStep);
            }

            if (_exchange is null)
            {
                _sums.Finish(_loss);
            }
            else
            {
                _exchange.Finish(_sums, _loss);
            }

            if (ClipNorm is { } norm)
            {
                _optimizer.ClipGradients(norm);
            }

            // The update comes last: what fails before it has changed nothing.
            _optimizer.Step(scalars.LearningRate, _loss);
        }
        finally
        {
            _sums.Clear();
            _optimizer.ClearGradients();
        }
    }

    private void AddGradients(int index, ulong randomStep)
    {
        int part = _firstPart + index;
        bool isLast = index == _inputs.Length - 1;
        using Tape tape = Tape.Record(DetectAnomaly, _cancellation);
        Tensor loss = ComputeLoss(index, randomStep);
        _stray = tape.TrainableParameters.FirstOrDefault(p => !_parameters.Contains(p));
        tape.BackwardTelling(loss, parameter =>
        {
            if (_sums.AddGradient(part, parameter) && isLast)
            {
                _exchange?.Add(parameter, _sums);
            }
        });
        _sums.End(part, tape.MoveOut(loss));
    }

    // Its gradient grows from step to step, or starts anew when somebody clears it; a replay cannot know which.
    private void RefuseStrayParameters()
    {
        if (_stray is not null)
        {
            WhyNotRecorded = $"The loss depends on the trainable parameter '{_stray.Name}', which the optimizer does not have.";
            _recorder!.Forget();
        }
    }
}
