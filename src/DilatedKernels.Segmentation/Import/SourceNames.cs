using System.Text.RegularExpressions;

namespace DilatedKernels.Segmentation.Import;

/// <summary>How a file names the layers that our networks have, and what its first layer expects of a pixel.</summary>
internal abstract partial class SourceNames
{
    /// <summary>What the names are, for the report.</summary>
    public abstract string Kind { get; }

    /// <summary>What the first layer expects where it is not what our networks feed it, blue, green, red from 0 to 255 less a mean; null otherwise.</summary>
    public virtual PixelScale? Pixels => null;

    /// <summary>The mean (blue, green, red, 0 to 255) that the published weights were trained with, or null where the file does not tell.</summary>
    public virtual IReadOnlyList<double>? MeanBgr => null;

    /// <summary>The factor on the input that the weights were trained with, or null where the file does not tell: then it is the network's own.</summary>
    public virtual double? InputScale => null;

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
