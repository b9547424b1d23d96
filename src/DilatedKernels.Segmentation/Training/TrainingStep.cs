using DilatedKernels.Nn;
using DilatedKernels.Optim;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// One step of training: forward, softmax cross-entropy (mean over valid positions), backward, update.
/// Where labels are finer than the scores, the scores go through the fixed bilinear deconvolution first.
/// </summary>
public sealed class TrainingStep
{
    private readonly Device _device;
    private readonly Module _network;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly ulong _seed;
    private readonly int _voidLabel;

    /// <summary>Puts the parts together; none is owned.</summary>
    /// <param name="device">Where the network is.</param>
    /// <param name="network">From input to scores.</param>
    /// <param name="optimizer">Holds the parameters to train.</param>
    /// <param name="schedule">The learning rate over steps.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="voidLabel">The label that counts for nothing.</param>
    public TrainingStep(Device device, Module network, Optimizer optimizer, LearningRateSchedule schedule, ulong seed, int voidLabel)
    {
        _device = device;
        _network = network;
        _optimizer = optimizer;
        _schedule = schedule;
        _seed = seed;
        _voidLabel = voidLabel;
    }

    /// <summary>Runs a step.</summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="input">Its input.</param>
    /// <returns>The loss before the update.</returns>
    /// <exception cref="TrainingDivergedException">The loss is not a finite number; the parameters are as before the step.</exception>
    public float Run(long step, StepInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        using Tape tape = Tape.Record();
        using Tensor x = Tensor.FromChannelsLast(_device, input.Shape, input.Values);
        using LabelMap labels = LabelMap.FromArray(_device, input.Shape.N, input.LabelSize.Height, input.LabelSize.Width, input.Labels);

        Tensor scores = _network.Forward(x, ForwardContext.Training(_seed, (ulong)step));
        if (scores.Shape.H != labels.Height && labels.Height % scores.Shape.H == 0)
        {
            scores = Ops.BilinearDeconvolution(scores, labels.Height / scores.Shape.H);
        }

        Tensor loss = Ops.SoftmaxCrossEntropy(scores, labels, _voidLabel);
        float value = loss.Item();
        if (!float.IsFinite(value))
        {
            throw new TrainingDivergedException(step, value);
        }

        tape.Backward(loss);
        _optimizer.Step(_schedule.At(step));
        _optimizer.ClearGradients();
        return value;
    }
}
