namespace DilatedKernels.Segmentation.Training;

/// <summary>A run's loss on its device.</summary>
internal sealed class TrainingLoss : IDisposable
{
    private readonly LossConfig _config;
    private readonly int _voidLabel;
    private readonly ClassWeights? _weights;

    public TrainingLoss(LossConfig config, Device device, int voidLabel)
    {
        (_config, _voidLabel) = (config, voidLabel);
        _weights = config.ClassWeights is { } weights ? new ClassWeights(device, [.. weights.Select(weight => (float)weight)]) : null;
    }

    /// <summary>The loss of scores, which go through the fixed bilinear deconvolution first where the labels are finer by a whole factor.</summary>
    public Tensor Of(Tensor scores, LabelMap labels)
    {
        int scale = labels.Height % scores.Shape.H == 0 ? labels.Height / scores.Shape.H : 1;
        return scale <= 1 ? OfFull(scores, labels)
            : _config.Kind == LossKind.CrossEntropy ? Ops.DeconvolutionSoftmaxCrossEntropy(scores, labels, scale, _weights, _voidLabel)
            : OfFull(Ops.BilinearDeconvolution(scores, scale), labels);
    }

    public void Dispose() => _weights?.Dispose();

    private Tensor OfFull(Tensor scores, LabelMap labels) => _config.Kind switch
    {
        LossKind.Focal => Ops.FocalLoss(scores, labels, _config.Gamma, _weights, _voidLabel),
        LossKind.Dice => Ops.DiceLoss(scores, labels, _voidLabel),
        LossKind.CrossEntropyAndDice => Ops.Add(CrossEntropy(scores, labels), Ops.DiceLoss(scores, labels, _voidLabel)),
        _ => CrossEntropy(scores, labels),
    };

    private Tensor CrossEntropy(Tensor scores, LabelMap labels) => _weights is null
        ? Ops.SoftmaxCrossEntropy(scores, labels, _voidLabel)
        : Ops.SoftmaxCrossEntropy(scores, labels, _weights, _voidLabel);
}
