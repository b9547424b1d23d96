using System.Text.RegularExpressions;

namespace DilatedKernels.Segmentation.Import;

/// <summary>How a file names the layers that our networks have, and what its first layer expects of a pixel.</summary>
internal abstract partial class SourceNames
{
    /// <summary>What the names are, for the report.</summary>
    public abstract string Kind { get; }

    /// <summary>What the first layer expects where it is not what our networks feed it, blue, green, red from 0 to 255 less a mean; null otherwise.</summary>
    public virtual PixelScale? Pixels => null;

    /// <summary>The mean (blue, green, red, 0 to 255) that the published weights were trained with, or null where the names do not tell.</summary>
    public virtual IReadOnlyList<double>? MeanBgr => null;

    /// <summary>The file's name for each of a network's parameters, given in the order of computation.</summary>
    public IReadOnlyDictionary<string, string> Map(IReadOnlyList<string> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string parameter in parameters)
        {
            int dot = parameter.LastIndexOf('.');
            map.Add(parameter, Layer(parameter[..dot], parameters) + parameter[dot..]);
        }

        return map;
    }

    /// <summary>Why an array without a place in the network can be left out; null where leaving it out would make another network of it.</summary>
    public abstract string? ReasonToSkip(string tensor, bool hasContext);

    /// <summary>Whether a layer or an array bears the name of one of VGG's 3×3 convolutions.</summary>
    public static bool IsTrunk(string name) => TrunkName().IsMatch(name);

    /// <summary>The file's name for a layer.</summary>
    protected abstract string Layer(string layer, IReadOnlyList<string> parameters);

    [GeneratedRegex(@"^conv([1-9])_[1-9](?=$|\.)", RegexOptions.CultureInvariant)]
    private static partial Regex TrunkName();
}

/// <summary>The names that our own files have.</summary>
internal sealed class OwnNames : SourceNames
{
    public override string Kind => "this library's names";

    public override string? ReasonToSkip(string tensor, bool hasContext) => "the network has no such layer";

    protected override string Layer(string layer, IReadOnlyList<string> parameters) => layer;
}

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

/// <summary>The names in VGG's and in Yu and Koltun's Caffe networks.</summary>
internal sealed class CaffeNames(IReadOnlyList<SourceTensor> tensors) : SourceNames
{
    // The Pascal VOC network has names of its own for the last layer of the front end and those of the context module.
    private readonly bool _isVoc = tensors.Any(tensor => tensor.Name.StartsWith("ct_", StringComparison.Ordinal) || tensor.Name.StartsWith("fc-final.", StringComparison.Ordinal));

    public override string Kind => "Caffe network";

    // VGG's own; a network for dense prediction was trained with its dataset's.
    public override IReadOnlyList<double>? MeanBgr { get; } =
        tensors.Any(tensor => tensor.Name is "final.weight" or "fc-final.weight" || tensor.Name.StartsWith("ct", StringComparison.Ordinal)) ? null : [103.939, 116.779, 123.68];

    private string Prefix => _isVoc ? "ct_" : "ctx_";

    public override string? ReasonToSkip(string tensor, bool hasContext) =>
        tensor.StartsWith("fc8", StringComparison.Ordinal) ? "the classifier of ImageNet's classes"
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
            return layer;
        }

        int count = parameters.Count(parameter => parameter.StartsWith(Context, StringComparison.Ordinal)) / 2;
        int number = int.Parse(layer.AsSpan(Context.Length), System.Globalization.CultureInfo.InvariantCulture);
        return Prefix + (number == count ? "final" : number == count - 1 ? "fc1" : number <= 2 ? $"conv1_{number}" : $"conv{number - 1}_1");
    }
}
