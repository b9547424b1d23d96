using System.Text;
using DilatedKernels.Distributed;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// One step of training: forward, loss (by default softmax cross-entropy, the mean over valid positions), backward, update.
/// Where labels are finer than the scores, the scores go through the fixed bilinear deconvolution first. On a GPU the steps of one shape are
/// recorded and replayed (<see cref="RecordedStep"/>); a step of another shape begins a new recording.
/// </summary>
public sealed class TrainingStep : IDisposable
{
    private readonly Module _network;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly ulong _seed;
    private readonly bool _detectAnomaly;
    private readonly TrainingLoss _loss;
    private RecordedStep? _recorded;
    private volatile bool _isDisposed;

    /// <summary>Puts the parts together; none is owned.</summary>
    /// <param name="device">Where network and optimizer are.</param>
    /// <param name="network">From input to scores.</param>
    /// <param name="optimizer">Holds the parameters to train.</param>
    /// <param name="schedule">The learning rate over steps.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="voidLabel">The label that counts for nothing.</param>
    /// <param name="detectAnomaly">Whether every step looks at all its numbers (<see cref="RecordedStep.DetectAnomaly"/>).</param>
    /// <param name="loss">The loss; softmax cross-entropy without weights where it is null.</param>
    /// <exception cref="ArgumentException">The optimizer's parameters are on another device, or the class weights cannot be used.</exception>
    public TrainingStep(
        Device device, Module network, Optimizer optimizer, LearningRateSchedule schedule, ulong seed, int voidLabel, bool detectAnomaly = false, LossConfig? loss = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(optimizer);
        if (optimizer.Parameters[0].Value.Device != device)
        {
            throw new ArgumentException($"The step is to run on {device}; the optimizer's parameters are on {optimizer.Parameters[0].Value.Device}.", nameof(optimizer));
        }

        _network = network;
        _optimizer = optimizer;
        _schedule = schedule;
        _seed = seed;
        _detectAnomaly = detectAnomaly;
        _loss = new TrainingLoss(loss ?? new LossConfig(), device, voidLabel);
    }

    /// <summary>Into how many parts of the same size a step's images are cut; their gradients add up to those of the whole (<see cref="RecordedStep"/>).</summary>
    public int Parts { get; init; } = 1;

    /// <summary>The length to which the gradients are shortened before the update, or null for none (<see cref="Optimizer.ClipGradients"/>).</summary>
    public float? ClipNorm { get; init; }

    /// <summary>The processes that compute a step together, each its share of the parts (<see cref="RecordedStep.ShareOf"/>), or null.</summary>
    public ProcessGroup? Group { get; init; }

    /// <summary>Numbers that the group adds up at the beginning of the next step; afterwards, their sums (<see cref="RecordedStep.Tally"/>).</summary>
    public IReadOnlyList<long> Tally { get; set; } = [];

    /// <summary>How long this process waited for others in the latest step.</summary>
    public TimeSpan Waited => _recorded?.Waited ?? TimeSpan.Zero;

    /// <summary>Why the steps of the latest shape are not recorded, in one sentence; null when they are, or have yet to be.</summary>
    public string? WhyNotRecorded => _recorded?.WhyNotRecorded;

    /// <summary>The steps of the latest shape, for tests.</summary>
    internal RecordedStep? Recorded => _recorded;

    /// <summary>Runs a step.</summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="input">Its input, of a group's step the images of this process's parts.</param>
    /// <param name="cancellation">Ends a step on the processor before its next operator.</param>
    /// <returns>The loss before the update.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled; the parameters are as before the step.</exception>
    /// <exception cref="InvalidOperationException">Another thread predicts with the network, or trains it.</exception>
    /// <exception cref="TrainingDivergedException">
    /// The loss is not a finite number, or, where anomalies are detected, another number of the step; the parameters are as before the step.
    /// </exception>
    public float Run(long step, StepInput input, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_recorded?.OwnShape != input.Shape || _recorded.LabelSize != input.LabelSize)
        {
            _recorded?.Dispose();
            (int begin, int end) = RecordedStep.ShareOf(Group, Parts);
            Shape whole = Group is null ? input.Shape : input.Shape with { N = input.Shape.N / (end - begin) * Parts };
            _recorded = new RecordedStep(whole, input.LabelSize, _optimizer, ComputeLoss, _seed, Parts, Group) { DetectAnomaly = _detectAnomaly, ClipNorm = ClipNorm };
        }

        float loss;
        _recorded.Tally = Tally;
        try
        {
            loss = _recorded.Run((ulong)step, input.Values, input.Labels, _schedule.At(step), cancellation);
        }
        catch (NonFiniteException anomaly)
        {
            throw new TrainingDivergedException(step, loss: null, anomaly);
        }

        Tally = _recorded.Tally;
        return float.IsFinite(loss) ? loss : throw Diverged(step, loss, _recorded.FindAnomaly((ulong)step, input.Values, input.Labels));
    }

    /// <summary>Gives recording and buffers back; network and optimizer stay.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _recorded?.Dispose();
        _loss.Dispose();
    }

    // What one process of a group found, all report.
    private TrainingDivergedException Diverged(long step, float loss, NonFiniteException? found)
    {
        if (Group is null)
        {
            return new TrainingDivergedException(step, loss, found);
        }

        byte[][] all = Group.AllGather(Encoding.UTF8.GetBytes(found?.Message ?? ""));
        int first = Array.FindIndex(all, message => message.Length > 0);
        return new TrainingDivergedException(step, loss, first < 0 ? null : $"On {Group.NameOf(first)}: {Encoding.UTF8.GetString(all[first])}");
    }

    private Tensor ComputeLoss(Tensor x, LabelMap labels, ForwardContext context) => _loss.Of(Scores(x, labels, context), labels);

    // What a network's own upsampling would do to its scores the loss does too, and the cross-entropy without memory for the result.
    private Tensor Scores(Tensor x, LabelMap labels, ForwardContext context) =>
        _network is SegmentationModel { Config.UpsampleInNetwork: true } model && model.OutputSize(new Size2(x.Shape.H, x.Shape.W)) == new Size2(labels.Height, labels.Width)
            ? model.ForwardCells(x, context)
            : _network.Forward(x, context);
}
