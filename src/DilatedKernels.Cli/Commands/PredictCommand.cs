using System.CommandLine;
using System.Security.Cryptography;
using DilatedKernels.Cli.Output;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated predict</c>: images to paletted masks and overlays, at the images' own resolution.</summary>
internal sealed class PredictCommand
{
    private readonly Argument<string> _checkpoint = new("checkpoint") { Description = "The checkpoint." };
    private readonly Argument<string[]> _images = new("images") { Description = ImageArguments.Description, Arity = ArgumentArity.OneOrMore };
    private readonly PredictionOutput _output = new("predictions");
    private readonly Option<int> _tile = TileOption.Create();
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly ViewOptions _views = new();
    private readonly WindowOptions _windows = new();
    private readonly CrfOptions _crf = new(isOptional: true);
    private readonly GroupOption _distributed = new("Predict as one of several processes: mpirun -n N dilated predict ... --distributed. Each image is predicted by one of them, and the files are those of one process.");
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
        command.Options.Add(verb._distributed.Option);
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation) => _distributed.Run(result, group => Run(result, group, cancellation));

    private int Run(ParseResult result, ProcessGroup? group, CancellationToken cancellation)
    {
        string[] all = ImageArguments.Expand(result.GetValue(_images)!, group);
        // Before any process writes, all have seen that nothing is in the way.
        Plan plan = Together.Run(group, () => Prepare(result, all), _ => { });
        if (group is not null)
        {
            SameTask.Check(group, [("the command", CommandOf(result)), ("the working folder", Environment.CurrentDirectory), ("the checkpoint", plan.Digest)]);
        }

        string[] images = ImageArguments.OfFirst(plan.Images, group);
        PredictionOutput.TellSkipped(all.Length, images.Length, group is { Rank: > 0 } ? TextWriter.Null : result.InvocationConfiguration.Error);
        using Device device = _device.Open(result, group);
        DenseCrf? crf = plan.Crf is null ? null : new DenseCrf(plan.Crf, device, _device.Threads(result, group));
        using SegmentationModel model = Together.Run(group, () => ModelFile.Load(plan.Checkpoint, device, result.GetValue(_precision)), loaded => loaded.Dispose());
        Predictor predictor = Together.Run(group, () => Predictor(result, plan, model), _ => { });
        Palette palette = model.Config.Palette ?? Palette.Voc;
        // Processes that share the images tell how many of those are done.
        ImageProgress? progress = group is null ? new ImageProgress(result.InvocationConfiguration.Error) : null;
        int code = _output.Run(result, images, (_, image) => Predict(image), group, cancellation);
        using IDisposable suspension = Watchdog.Suspend();
        // Standard output has the names of files alone.
        if (code == ExitCode.Ok && group is not { Rank: > 0 } && NextStep.AfterPredict(plan.Checkpoint) is { } next)
        {
            result.InvocationConfiguration.Error.WriteLine($"Next: {next}");
        }

        return code;

        Prediction Predict(RgbImage image)
        {
            using IDisposable? shown = progress?.Begin();
            if (crf is null && !_output.SavesProbabilities(result))
            {
                return new Prediction(predictor.Predict(image, progress, cancellation), palette, null);
            }

            ProbabilityMap probabilities = predictor.Probabilities(image, progress, cancellation);
            ProbabilityMap final = crf is null ? probabilities : crf.Refine(image, probabilities, cancellation);
            return new Prediction(final.ArgMax(), palette, final);
        }
    }

    private Plan Prepare(ParseResult result, string[] images)
    {
        int tile = TileOption.Get(result, _tile);
        PredictionViews? views = _views.Parse(result);
        SlidingWindow? window = _windows.Parse(result);
        string checkpoint = CheckpointPath.Existing(result.GetValue(_checkpoint)!);
        string[] remaining = _output.Check(result, images, [checkpoint, .. _crf.Files(result)]);
        return new Plan(remaining, checkpoint, DigestOf(checkpoint), tile, views, window, _crf.Parse(result));
    }

    // Each process may be told which device is its own.
    private static string CommandOf(ParseResult result)
    {
        string[] words = [.. result.Tokens.Select(token => token.Value)];
        return string.Join(' ', words.Where((word, i) => !IsOfOne(word) && !(i > 0 && IsOfOne(words[i - 1]))));
        static bool IsOfOne(string word) => word is "--device" or "--threads";
    }

    // A checkpoint of this program begins with the checksum of what follows.
    private static string DigestOf(string checkpoint)
    {
        using FileStream file = File.OpenRead(checkpoint);
        byte[] beginning = new byte[Math.Min(file.Length, 1 << 20)];
        file.ReadExactly(beginning);
        return $"of {file.Length} bytes, {Convert.ToHexString(SHA256.HashData(beginning), 0, 8)}";
    }

    private Predictor Predictor(ParseResult result, Plan plan, SegmentationModel model)
    {
        TileOption.Check(result, _tile, model);
        return new Predictor(model, plan.Tile, plan.Views, plan.Window);
    }

    private sealed record Plan(string[] Images, string Checkpoint, string Digest, int Tile, PredictionViews? Views, SlidingWindow? Window, DenseCrfConfig? Crf);
}
