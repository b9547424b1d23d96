using System.CommandLine;
using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--crf</c> and its parameters, the same for every verb that can refine.</summary>
internal sealed class CrfOptions
{
    private const long MaxFileBytes = 8 << 20;

    private readonly Option<string?> _crf;
    private readonly Option<string?> _bilateralWeight = Number("--crf-bilateral-weight", "Weight of the kernel of position and colour.");
    private readonly Option<string?> _bilateralSigma = Number("--crf-bilateral-sigma", "Its reach in pixels.");
    private readonly Option<string?> _colorSigma = Number("--crf-color-sigma", "How different colours may be, of 255.");
    private readonly Option<string?> _spatialWeight = Number("--crf-spatial-weight", "Weight of the kernel of position alone.");
    private readonly Option<string?> _spatialSigma = Number("--crf-spatial-sigma", "Its reach in pixels.");
    private readonly Option<int?> _iterations = new("--crf-iterations") { Description = "Mean-field iterations.", HelpName = "N" };
    private readonly bool _isOptional;

    /// <param name="isOptional">Whether the verb refines only when asked to.</param>
    public CrfOptions(bool isOptional)
    {
        _isOptional = isOptional;
        _crf = new Option<string?>("--crf")
        {
            Description = $"{(isOptional ? "Refine with a dense CRF, from" : "Parameters to start from:")} {string.Join(", ", DenseCrfConfig.Known.Keys)}, or a JSON file that dilated crf --search wrote.{(isOptional ? "" : " [default: deeplab]")}",
            HelpName = "NAME|FILE",
        };
    }

    private IEnumerable<Option> Parameters => [_bilateralWeight, _bilateralSigma, _colorSigma, _spatialWeight, _spatialSigma, _iterations];

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_crf, .. Parameters])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The parameters, or null where no CRF was asked for.</summary>
    public DenseCrfConfig? Parse(ParseResult result)
    {
        if (Start(result) is not { } start)
        {
            return null;
        }

        DenseCrfConfig config = start with
        {
            BilateralWeight = One(_bilateralWeight) ?? start.BilateralWeight,
            BilateralSigma = One(_bilateralSigma) ?? start.BilateralSigma,
            ColorSigma = One(_colorSigma) ?? start.ColorSigma,
            SpatialWeight = One(_spatialWeight) ?? start.SpatialWeight,
            SpatialSigma = One(_spatialSigma) ?? start.SpatialSigma,
        };
        config.Validate();
        return config;

        double? One(Option<string?> option) => List(result, option) switch
        {
            null => null,
            [double value] => value,
            _ => throw new UserInputException($"{option.Name} takes one number; several are for dilated crf --search."),
        };
    }

    /// <summary>What a search tries. Without lists of the user's own: two weights and three of each deviation of the kernel of position and colour.</summary>
    public CrfGrid ParseGrid(ParseResult result)
    {
        DenseCrfConfig start = Start(result) ?? DenseCrfConfig.DeepLab;
        return new CrfGrid(start)
        {
            BilateralWeights = List(result, _bilateralWeight) ?? [3, 5],
            BilateralSigmas = List(result, _bilateralSigma) ?? [30, 60, 90],
            ColorSigmas = List(result, _colorSigma) ?? [3, 5, 8],
            SpatialWeights = List(result, _spatialWeight) ?? [start.SpatialWeight],
            SpatialSigmas = List(result, _spatialSigma) ?? [start.SpatialSigma],
        };
    }

    private static Option<string?> Number(string name, string description) => new(name) { Description = description, HelpName = "X" };

    private static double[]? List(ParseResult result, Option<string?> option)
    {
        if (result.GetValue(option) is not { } text)
        {
            return null;
        }

        return [.. text.Split(',').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            ? value
            : throw new UserInputException($"{option.Name} takes a number such as 3 or 4.5, and with dilated crf --search several with commas between; it was {text}."))];
    }

    /// <summary>The file that the parameters come from, where it is one.</summary>
    public IEnumerable<string> Files(ParseResult result) => result.GetValue(_crf) is { } name && !DenseCrfConfig.Known.ContainsKey(name) && File.Exists(name) ? [name] : [];

    private DenseCrfConfig? Start(ParseResult result)
    {
        string? name = result.GetValue(_crf);
        if (name is null && _isOptional)
        {
            Given.Refuse(result, "they are parameters of --crf.", Parameters);
            return null;
        }

        DenseCrfConfig config = name is null ? DenseCrfConfig.DeepLab : Named("--crf", name);
        return result.GetValue(_iterations) is { } iterations ? config with { Iterations = iterations } : config;
    }

    /// <summary>The parameters of one of the known names, or of a file.</summary>
    public static DenseCrfConfig Named(string option, string name) => DenseCrfConfig.Known.TryGetValue(name, out DenseCrfConfig? known) ? known : Read(option, name);

    private static DenseCrfConfig Read(string option, string path)
    {
        if (!File.Exists(path))
        {
            throw new UserInputException($"{option} is one of {string.Join(", ", DenseCrfConfig.Known.Keys)} or a JSON file; there is no file \"{path}\".");
        }

        FileSize.Check(path, "a file of CRF parameters", MaxFileBytes);
        try
        {
            return DenseCrfConfig.FromJson(File.ReadAllText(path));
        }
        catch (ArgumentException exception)
        {
            throw new UserInputException($"{path}: {ErrorText.Of(exception)}", exception);
        }
    }
}
