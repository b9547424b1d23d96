using System.CommandLine;
using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--loss</c> and what belongs to it.</summary>
internal sealed class LossOptions
{
    private const string CrossEntropy = "cross-entropy";
    private const string None = "none";
    private const string MedianFrequency = "median-frequency";

    private static readonly Dictionary<string, LossKind> s_kinds = new(StringComparer.OrdinalIgnoreCase)
    {
        [CrossEntropy] = LossKind.CrossEntropy,
        ["focal"] = LossKind.Focal,
        ["dice"] = LossKind.Dice,
        ["cross-entropy+dice"] = LossKind.CrossEntropyAndDice,
    };

    private readonly Option<string> _loss = new("--loss")
    {
        Description = $"What training makes small: {string.Join(", ", s_kinds.Keys)}.",
        DefaultValueFactory = _ => CrossEntropy,
        HelpName = "NAME",
    };

    private readonly Option<double> _gamma = new("--focal-gamma") { Description = "Focal loss: its exponent; the greater, the less pixels count that are nearly right.", DefaultValueFactory = _ => 2, HelpName = "X" };
    private readonly Option<string> _weights = new("--class-weights")
    {
        Description = $"How much each class counts: {None}, {MedianFrequency} (rare classes more), or a list of numbers with commas between.",
        DefaultValueFactory = _ => None,
        HelpName = "WEIGHTS",
    };

    public LossOptions() => _loss.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, [.. s_kinds.Keys]);

    public IEnumerable<Option> All => [_loss, _gamma, _weights];

    public LossConfig Parse(ParseResult result, ClassSet classes)
    {
        LossKind kind = s_kinds[result.GetValue(_loss)!];
        if (kind != LossKind.Focal)
        {
            Given.Refuse(result, "it belongs to --loss focal.", _gamma);
        }

        string weights = result.GetValue(_weights)!;
        ClassWeighting weighting = weights.ToLowerInvariant() switch
        {
            None => ClassWeighting.None,
            MedianFrequency => ClassWeighting.MedianFrequency,
            _ => ClassWeighting.Given,
        };
        return new LossConfig
        {
            Kind = kind,
            FocalGamma = result.GetValue(_gamma),
            Weighting = weighting,
            ClassWeights = weighting == ClassWeighting.Given ? List(weights, classes) : null,
        };
    }

    private double[] List(string text, ClassSet classes)
    {
        string[] parts = text.Split(',');
        double[] weights = new double[parts.Length];
        bool areNumbers = parts.Select((part, i) => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out weights[i])).All(isNumber => isNumber);
        return areNumbers && weights.Length == classes.Count
            ? weights
            : throw new UserInputException(
                $"{_weights.Name} is {None}, {MedianFrequency}, or {classes.Count} numbers with commas between, one for each of {string.Join(", ", classes.Names)}; it was {text}.");
    }
}
