namespace DilatedKernels.Segmentation.Import;

/// <summary>VGG-16 as torchvision or timm name it: the convolutions by their place among all layers.</summary>
internal sealed class TorchNames(bool isTimm) : SourceNames
{
    public const string First = "features.0.weight";
    public const string TimmHead = "pre_logits.";

    public override string Kind => isTimm ? "VGG with timm's names" : "VGG with torchvision's names";

    public override PixelScale? Pixels => PixelScale.Torchvision;

    public override IReadOnlyList<double>? MeanBgr => PixelScale.Torchvision.MeanBgr;

    public override string? ReasonToSkip(string tensor, bool hasContext) =>
        tensor.StartsWith("features.", StringComparison.Ordinal) ? null
        : tensor.StartsWith("classifier.6.", StringComparison.Ordinal) || tensor.StartsWith("head.", StringComparison.Ordinal) ? "the classifier of ImageNet's classes"
        : "the network has no such layer";

    protected override string Layer(string layer, IReadOnlyList<string> parameters) => layer switch
    {
        "fc6" => isTimm ? "pre_logits.fc1" : "classifier.0",
        "fc7" => isTimm ? "pre_logits.fc2" : "classifier.3",
        _ => IsTrunk(layer) ? $"features.{Index(layer, parameters)}" : layer,
    };

    // A convolution and its ReLU count as two, the pooling after each stage as one.
    private static int Index(string layer, IReadOnlyList<string> parameters)
    {
        string[] before = [.. parameters
            .Where(parameter => parameter.EndsWith(".weight", StringComparison.Ordinal) && IsTrunk(parameter))
            .TakeWhile(parameter => parameter != layer + ".weight")];
        return (2 * before.Length) + (layer["conv".Length] - '1');
    }
}
