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

    public Tensor Of(Tensor scores, LabelMap labels) => _config.Kind switch
    {
        LossKind.Focal => Ops.FocalLoss(scores, labels, _config.Gamma, _weights, _voidLabel),
        LossKind.Dice => Ops.DiceLoss(scores, labels, _voidLabel),
        LossKind.CrossEntropyAndDice => Ops.Add(CrossEntropy(scores, labels), Ops.DiceLoss(scores, labels, _voidLabel)),
        _ => CrossEntropy(scores, labels),
    };

    public void Dispose() => _weights?.Dispose();

    private Tensor CrossEntropy(Tensor scores, LabelMap labels) => _weights is null
        ? Ops.SoftmaxCrossEntropy(scores, labels, _voidLabel)
        : Ops.SoftmaxCrossEntropy(scores, labels, _weights, _voidLabel);
}
