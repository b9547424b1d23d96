using System.CommandLine;
using System.Globalization;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
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
    private readonly ModelOptions _options = new();

    public static Command Create()
    {
        var verb = new InfoCommand();
        var command = new Command("info", "Shows a network layer by layer: dilation, receptive field, output size, parameters, FLOPs, memory.")
        {
            verb._model, verb._input, verb._classes, verb._batch, verb._json,
        };
        verb._options.AddTo(command);
        command.SetAction(verb.Run);
        return command;
    }

    private int Run(ParseResult result)
    {
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
