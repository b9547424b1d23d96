using System.CommandLine;
using System.Globalization;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Figures;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated info</c>: every layer's kernel, dilation, receptive field, output size, parameters and FLOPs.</summary>
internal sealed class InfoCommand
{
    private readonly Argument<string?> _model = new("model") { Description = $"A preset ({string.Join(", ", Presets.Names)}) or a checkpoint. Without it, the network of the options.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _input = new("--input") { Description = "Network input in pixels, SIZE or HEIGHTxWIDTH, margins included. [default: the preset's own, else 900, or 321 for an FCN or DeepLab]", HelpName = "SIZE" };
    private readonly Option<int> _classes = new("--classes") { Description = "Classes, when no model is named.", DefaultValueFactory = _ => 21, HelpName = "N" };
    private readonly Option<int> _batch = new("--batch") { Description = "Images in a batch.", DefaultValueFactory = _ => 1, HelpName = "N" };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON." };
    private readonly Option<string?> _figure = new("--figure") { Description = "Draw the taps and the receptive field of the context module's layers, or of --dilations, and say whether there is gridding.", HelpName = "FILE.svg" };
    private readonly Option<string?> _dilations = new("--dilations") { Description = "For --figure: the dilations of successive 3x3 layers, such as 1,2,4,8.", HelpName = "LIST" };
    private readonly ModelOptions _options = new();

    public static Command Create()
    {
        var verb = new InfoCommand();
        var command = new Command("info", "Shows a network layer by layer: dilation, receptive field, output size, parameters, FLOPs, memory.")
        {
            verb._model, verb._input, verb._classes, verb._batch, verb._json, verb._figure, verb._dilations,
        };
        verb._options.AddTo(command);
        command.SetAction(verb.Run);
        return command;
    }

    private int Run(ParseResult result)
    {
        if (result.GetValue(_figure) is { } figure)
        {
            return Draw(result, figure);
        }

        Given.Refuse(result, "it is drawn by --figure FILE.svg.", _dilations);
        ModelConfig config = Config(result);
        Size2 input = SizeText.Parse(result.GetValue(_input), "--input") ?? config.InputSize ?? (config.IsPadded ? 321 : 900);
        int batch = result.GetValue(_batch);
        if (batch < 1)
        {
            throw new UserInputException($"--batch is 1 or more; it was {batch}.");
        }

        ModelSummary summary;
        try
        {
            summary = ModelSummary.Of(config, input, batch);
        }
        catch (ArgumentException exception)
        {
            throw new UserInputException(ErrorText.Of(exception), exception);
        }
        catch (OverflowException exception)
        {
            throw new UserInputException($"--batch {batch} of {input} pixels is more than can be counted; take a smaller one.", exception);
        }

        TextWriter output = result.InvocationConfiguration.Output;
        if (result.GetValue(_json))
        {
            output.WriteLine(SummaryText.ToJson(summary));
        }
        else
        {
            SummaryText.Write(output, summary);
        }

        return ExitCode.Ok;
    }

    private int Draw(ParseResult result, string figure)
    {
        Given.Refuse(result, "--figure draws dilations, which need no input size and are described in words.", _input, _batch, _json);
        IReadOnlyList<int> dilations;
        if (result.GetValue(_dilations) is { } list)
        {
            Given.Refuse(result, "--dilations names the layers to draw.", [.. _options.All, _classes]);
            dilations = result.GetValue(_model) is { } model
                ? throw new UserInputException($"--dilations names the layers to draw, and so does {model}; give one of them.")
                : DilationList.Parse("--dilations", list);
        }
        else
        {
            dilations = Config(result).Context?.Dilations
                ?? throw new UserInputException(result.GetValue(_model) is { } checkpoint
                    ? $"{checkpoint} has no context module to draw. Name rates in its place: {Suggestion.Of("info", "--dilations", "1,2,4,8", "--figure", figure)}"
                    : "The network has no context module to draw; take one with --context, or name rates with --dilations 1,2,4,8.");
        }

        string svg = DilationFigure.ToSvg(dilations);
        if (!figure.EndsWith(".svg", StringComparison.OrdinalIgnoreCase))
        {
            throw new UserInputException($"--figure {figure}: figures are drawn as SVG; name a file that ends in .svg, such as taps.svg.");
        }

        Targets.RefuseDevice("--figure", figure, "taps.svg");
        AtomicFile.Write(figure, System.Text.Encoding.UTF8.GetBytes(svg));
        foreach (string line in DilationFigure.Describe(dilations))
        {
            result.InvocationConfiguration.Output.WriteLine(line);
        }

        return ExitCode.Ok;
    }

    private ModelConfig Config(ParseResult result)
    {
        string? model = result.GetValue(_model);
        if (model is null)
        {
            int classes = result.GetValue(_classes);
            if (classes is < 1 or > 255)
            {
                throw new UserInputException($"--classes is from 1 to 255; it was {classes}.");
            }

            return _options.Trunk(result, classes) with { Context = _options.Context(result, classes, "none") };
        }

        Given.Refuse(result, $"{model} brings the whole network.", [.. _options.All, _classes]);
        if (Presets.Names.Contains(model, StringComparer.OrdinalIgnoreCase))
        {
            return Presets.Get(model);
        }

        return Path.Exists(model)
            ? ModelFile.ReadConfig(CheckpointPath.Existing(model))
            : throw new UserInputException(string.Create(
                CultureInfo.InvariantCulture, $"{model} is neither a file nor a preset; the presets are {string.Join(", ", Presets.Names)}."));
    }
}
