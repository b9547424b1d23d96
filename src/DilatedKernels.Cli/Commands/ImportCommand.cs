using System.CommandLine;
using System.Globalization;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Import;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated import</c>: published weights to a checkpoint.</summary>
internal sealed class ImportCommand
{
    private readonly Argument<string[]> _sources = new("source") { Description = "A safetensors file with torchvision's or timm's names, or a .caffemodel; several where the network is in parts.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _preset = new("--preset") { Description = $"A published network: {string.Join(", ", Presets.Names)}. [default: the network of the options]", HelpName = "NAME" };
    private readonly Option<int> _classes = new("--classes") { Description = "Classes, without a preset.", DefaultValueFactory = _ => 21, HelpName = "N" };
    private readonly Option<string?> _mean = new("--mean") { Description = "Mean of blue, green, red, 0 to 255, that the network's input is less. [default: the preset's, else what the weights were trained with]", HelpName = "B,G,R" };
    private readonly Option<string?> _fresh = new("--fresh") { Description = "Layers to leave at their initial values, such as final for other classes, separated by commas.", HelpName = "LAYERS" };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Names the random numbers of layers that are not loaded.", DefaultValueFactory = _ => 1, HelpName = "N" };
    private readonly OutputFile _out = new("vgg.safetensors");
    private readonly ModelOptions _model = new();

    public static Command Create()
    {
        var verb = new ImportCommand();
        var command = new Command("import", "Makes a checkpoint of published weights: VGG-16 (safetensors, Caffe) or a Caffe network of Yu and Koltun's.")
        {
            verb._sources, verb._preset, verb._classes, verb._mean, verb._fresh, verb._seed,
        };
        verb._out.AddTo(command);
        verb._model.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        string[] sources = [.. result.GetValue(_sources)!.Select(CheckpointPath.Existing)];
        string target = _out.Path(result, sources);
        ModelConfig config = Config(result, sources);
        string[] fresh = result.GetValue(_fresh)?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        using SegmentationModel model = WeightImport.Load(sources, config, Device.Cpu, out ImportReport report, fresh, result.GetValue(_seed));
        cancellation.ThrowIfCancellationRequested();
        ModelFile.Save(target, model, cancellation: cancellation);
        ImportText.Write(result.InvocationConfiguration.Output, report, sources, target);
        return ExitCode.Ok;
    }

    private ModelConfig Config(ParseResult result, string[] sources)
    {
        double[]? mean = result.GetValue(_mean) is { } text ? ParseMean(text) : null;
        if (result.GetValue(_preset) is { } preset)
        {
            Given.Refuse(result, "--preset brings the whole network.", [.. _model.All, _classes]);
            ModelConfig published = Presets.Names.Contains(preset, StringComparer.OrdinalIgnoreCase)
                ? Presets.Get(preset)
                : throw new UserInputException($"There is no network called {preset}; the presets are {string.Join(", ", Presets.Names)}.");
            return mean is null ? published : published with { MeanBgr = mean };
        }

        int classes = result.GetValue(_classes);
        if (classes is < 1 or > 255)
        {
            throw new UserInputException($"--classes is from 1 to 255; it was {classes}.");
        }

        ModelConfig trunk = _model.Trunk(result, classes);
        ContextConfig? context = _model.Context(result, classes, "none");
        return trunk with
        {
            Name = context is null ? trunk.Name : trunk.Name + ModelOptions.WithContext,
            Context = context,
            MeanBgr = mean ?? sources.Select(WeightImport.MeanOf).FirstOrDefault(known => known is not null)
                ?? throw new UserInputException($"{sources[0]} does not tell which mean its weights were trained with: name the network with --preset, or the mean with --mean B,G,R."),
        };
    }

    private static double[] ParseMean(string text)
    {
        string[] parts = text.Split(',');
        double[] mean = [.. parts.Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN)];
        return mean.Length == 3 && Array.TrueForAll(mean, value => value is >= 0 and <= 255)
            ? mean
            : throw new UserInputException($"--mean is three numbers from 0 to 255, blue, green and red, such as 103.9,116.8,123.7; it was {text}.");
    }
}
