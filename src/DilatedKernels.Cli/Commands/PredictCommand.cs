using System.CommandLine;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated predict</c>: images to paletted masks and overlays, at the images' own resolution.</summary>
internal sealed class PredictCommand
{
    private readonly Argument<string> _checkpoint = new("checkpoint") { Description = "The checkpoint." };
    private readonly Argument<string[]> _images = new("images") { Description = "PNG or JPEG images.", Arity = ArgumentArity.OneOrMore };
    private readonly PredictionOutput _output = new("predictions");
    private readonly Option<int> _tile = TileOption.Create();
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly ViewOptions _views = new();
    private readonly WindowOptions _windows = new();
    private readonly CrfOptions _crf = new(isOptional: true);
    private readonly DeviceOptions _device = new();

    public static Command Create()
    {
        var verb = new PredictCommand();
        var command = new Command("predict", "Segments images: a paletted mask and an overlay for each, at its own resolution.") { verb._checkpoint, verb._images };
        verb._output.AddTo(command);
        command.Options.Add(verb._tile);
        command.Options.Add(verb._precision);
        verb._views.AddTo(command);
        verb._windows.AddTo(command);
        verb._crf.AddTo(command);
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        int tile = TileOption.Get(result, _tile);
        PredictionViews? views = _views.Parse(result);
        SlidingWindow? window = _windows.Parse(result);
        string checkpoint = CheckpointPath.Existing(result.GetValue(_checkpoint)!);
        string[] images = result.GetValue(_images)!;
        _output.Check(result, images, [checkpoint, .. _crf.Files(result)]);
        DenseCrfConfig? config = _crf.Parse(result);
        using Device device = _device.Open(result);
        DenseCrf? crf = config is null ? null : new DenseCrf(config, device, _device.Threads(result));
        using SegmentationModel model = ModelFile.Load(checkpoint, device, result.GetValue(_precision));
        TileOption.Check(result, _tile, model);
        Palette palette = model.Config.Palette ?? Palette.Voc;
        var predictor = new Predictor(model, tile, views, window);
        int code = _output.Run(result, images, (_, image) => Predict(image), cancellation);
        // Standard output has the names of files alone.
        if (code == ExitCode.Ok && NextStep.AfterPredict(checkpoint) is { } next)
        {
            result.InvocationConfiguration.Error.WriteLine($"Next: {next}");
        }

        return code;

        Prediction Predict(RgbImage image)
        {
            if (crf is null && !_output.SavesProbabilities(result))
            {
                return new Prediction(predictor.Predict(image, cancellation), palette, null);
            }

            ProbabilityMap probabilities = predictor.Probabilities(image, cancellation);
            ProbabilityMap final = crf is null ? probabilities : crf.Refine(image, probabilities, cancellation);
            return new Prediction(final.ArgMax(), palette, final);
        }
    }
}
