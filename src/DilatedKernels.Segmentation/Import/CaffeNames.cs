using System.Globalization;

namespace DilatedKernels.Segmentation.Import;

/// <summary>The names in VGG's, in Yu and Koltun's and in DeepLab's Caffe networks.</summary>
internal sealed class CaffeNames(IReadOnlyList<SourceTensor> tensors) : SourceNames
{
    // Not fc8, which in VGG's file is the classifier of ImageNet's classes.
    private const string DeepLabClassifier = "fc8_voc12";

    // The Pascal VOC network has names of its own for the last layer of the front end and those of the context module.
    private readonly bool _isVoc = tensors.Any(tensor => tensor.Name.StartsWith("ct_", StringComparison.Ordinal) || tensor.Name.StartsWith("fc-final.", StringComparison.Ordinal));

    public override string Kind => "Caffe network";

    // VGG's own. A network for dense prediction was trained with its dataset's.
    public override IReadOnlyList<double>? MeanBgr { get; } =
        tensors.All(tensor => IsTrunk(tensor.Name) || tensor.Name.StartsWith("fc6.", StringComparison.Ordinal)
            || tensor.Name.StartsWith("fc7.", StringComparison.Ordinal) || tensor.Name.StartsWith("fc8.", StringComparison.Ordinal)) ? [103.939, 116.779, 123.68] : null;

    private string Prefix => _isVoc ? "ct_" : "ctx_";

    public override string? ReasonToSkip(string tensor, bool hasContext) =>
        tensor.StartsWith("fc8.", StringComparison.Ordinal) ? "the classifier of ImageNet's classes"
        : tensor.StartsWith("ctx_upsample.", StringComparison.Ordinal) ? "the fixed bilinear enlargement, which the network computes itself"
        : IsTrunk(tensor) || (hasContext && tensor.StartsWith(Prefix, StringComparison.Ordinal)) ? null
        : "the network has no such layer";

    protected override string Layer(string layer, IReadOnlyList<string> parameters)
    {
        const string Context = "context.conv";
        if (layer == "final")
        {
            return _isVoc ? "fc-final" : layer;
        }

        if (!layer.StartsWith(Context, StringComparison.Ordinal))
        {
            return layer == "fc8" ? DeepLabClassifier : layer;
        }

        int count = parameters.Count(parameter => parameter.StartsWith(Context, StringComparison.Ordinal)) / 2;
        int number = int.Parse(layer.AsSpan(Context.Length), CultureInfo.InvariantCulture);
        return Prefix + (number == count ? "final" : number == count - 1 ? "fc1" : number <= 2 ? $"conv1_{number}" : $"conv{number - 1}_1");
    }
}
