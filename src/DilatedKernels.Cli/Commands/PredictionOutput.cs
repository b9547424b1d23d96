using System.CommandLine;
using DilatedKernels.Cli.Output;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Serialization;

namespace DilatedKernels.Cli.Commands;

/// <summary>What a verb found for one image; probabilities where it has them.</summary>
internal readonly record struct Prediction(IndexMask Mask, Palette Palette, ProbabilityMap? Probabilities);

/// <summary>Where masks, overlays and probabilities go: the options, the checks before anything is computed, and the loop over images.</summary>
internal sealed class PredictionOutput
{
    private readonly Option<string> _out;
    private readonly Option<double> _opacity = new("--opacity") { Description = "Of the classes over the image, 0 to 1.", DefaultValueFactory = _ => 0.5, HelpName = "FACTOR" };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Write over results that are there already." };
    private readonly Option<bool> _skip = new("--skip-existing") { Description = "Leave out images whose results are all there, whatever made them: to go on where an earlier run ended." };
    private readonly Option<bool> _save = new("--save-probabilities") { Description = "Write NAME.safetensors too: the probabilities behind the mask, float32 [C, H, W]." };

    /// <param name="folder">Where results go by default.</param>
    public PredictionOutput(string folder) => _out = new Option<string>("--out")
    {
        Description = "Where NAME.png (class indices with a palette) and NAME-overlay.png go.",
        DefaultValueFactory = _ => folder,
        HelpName = "FOLDER",
    };

    public IEnumerable<Option> Options => [_out, _opacity, _overwrite, _skip, _save];

    public void AddTo(Command command)
    {
        foreach (Option option in Options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Whether results may replace others.</summary>
    public bool Overwrites(ParseResult result) => result.GetValue(_overwrite);

    /// <summary>Whether probabilities are wanted.</summary>
    public bool SavesProbabilities(ParseResult result) => result.GetValue(_save);

    /// <summary>Refuses, before anything is computed, what could not be written, or would be written over what is read: the images and other inputs.</summary>
    /// <returns>The images to compute: all, or those without results.</returns>
    public string[] Check(ParseResult result, string[] images, params IEnumerable<string> others)
    {
        if (Array.Exists(images, string.IsNullOrWhiteSpace))
        {
            throw new UserInputException("The name of an image is empty; name PNG or JPEG files.");
        }

        double opacity = result.GetValue(_opacity);
        if (opacity is not (>= 0 and <= 1))
        {
            throw new UserInputException($"--opacity is from 0 to 1; it was {opacity}.");
        }

        string folder = result.GetValue(_out)!;
        if (string.IsNullOrWhiteSpace(folder) || File.Exists(folder))
        {
            throw new UserInputException($"--out names the folder for the results; \"{folder}\" cannot be one.");
        }

        HashSet<string> sources = Targets.Real([.. images, .. others]);
        var targets = new Dictionary<string, string>(StringComparer.Ordinal);
        var remaining = new List<string>();
        foreach (string image in images)
        {
            string[] results = TargetsOf(result, image);
            string? missing = Array.Find(results, target => !File.Exists(target));
            bool isDone = missing is null && result.GetValue(_skip);
            foreach (string target in results)
            {
                if (sources.Contains(RealPath.Of(target)))
                {
                    throw new UserInputException($"{target} would overwrite an input; name another folder with --out.");
                }

                if (!targets.TryAdd(target, image))
                {
                    throw new UserInputException($"{image} and {targets[target]} would both be written to {target}; predict them into different folders.");
                }

                if (!isDone && !result.GetValue(_overwrite) && File.Exists(target))
                {
                    throw new UserInputException(
                        missing is null
                            ? $"{target} exists already; name another folder with --out, leave such images out with --skip-existing, or allow it with --overwrite."
                            : $"{target} exists already, but {missing} does not; name another folder with --out, or allow it with --overwrite{(result.GetValue(_skip) ? ", which beside --skip-existing concerns such images alone" : "")}.");
                }
            }

            if (!isDone)
            {
                remaining.Add(image);
            }
        }

        return [.. remaining];
    }

    /// <summary>Tells how many images are left out.</summary>
    public static void TellSkipped(int all, int remaining, TextWriter error)
    {
        if (remaining < all)
        {
            error.WriteLine($"{all - remaining} of {all} images have their results already and are left out.");
        }
    }

    /// <summary>Predicts and writes every image. Where there are several, one that fails does not stop the others.</summary>
    /// <param name="result">The options.</param>
    /// <param name="images">The images.</param>
    /// <param name="predict">Predicts one.</param>
    /// <param name="group">The processes that share the images, each taking the next when it is done with the last; null for this one alone.</param>
    /// <param name="cancellation">Checked between images.</param>
    /// <returns>The exit code, the same on all processes.</returns>
    public int Run(ParseResult result, string[] images, Func<string, RgbImage, Prediction> predict, ProcessGroup? group, CancellationToken cancellation)
    {
        TextWriter error = result.InvocationConfiguration.Error;
        var report = new PredictionReport(images.Length, result.InvocationConfiguration.Output, error);
        _ = Together.Run(group, () => MakeFolder(result.GetValue(_out)!), _ => { });
        if (group is null)
        {
            for (int i = 0; i < images.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                report.Add(i, Run(result, images[i], predict));
            }

            return report.End();
        }

        ProgressDisplay display = ProgressDisplay.For(error);
        bool isComplete = group.Distribute(
            images.Length,
            i => Run(result, images[i], predict).ToBytes(),
            (i, outcome) =>
            {
                report.Add(i, PredictionOutcome.Of(outcome));
                display.Count("image", report.Done, images.Length);
            },
            cancellation);
        display.Finish();
        if (!isComplete)
        {
            report.TellRest();
            throw Together.Common(new OperationCanceledException());
        }

        return (int)group.Sum([group.Rank == 0 ? report.End() : ExitCode.Ok])[0];
    }

    private static DirectoryInfo MakeFolder(string path)
    {
        try
        {
            return Directory.CreateDirectory(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserInputException($"The folder for the results, {path}, cannot be made: {error.Message}", error);
        }
    }

    private PredictionOutcome Run(ParseResult result, string path, Func<string, RgbImage, Prediction> predict)
    {
        try
        {
            RgbImage image = ImageFile.Read(path);
            Watchdog.Mark();
            Prediction prediction = predict(path, image);
            Watchdog.Mark();
            string[] targets = TargetsOf(result, path);
            MaskFile.Write(targets[0], prediction.Mask, prediction.Palette);
            PngWriter.Write(targets[1], Overlay.Blend(image, prediction.Mask, prediction.Palette, result.GetValue(_opacity)));
            if (targets.Length > 2)
            {
                ProbabilityFile.Write(targets[2], prediction.Probabilities!, prediction.Palette);
            }

            return new PredictionOutcome(ExitCode.Ok, targets[0]);
        }
        catch (Exception exception) when (exception is UserInputException or SafetensorsException or FileNotFoundException or DirectoryNotFoundException)
        {
            return new PredictionOutcome(CommandLine.CodeOf(exception)!.Value, ErrorText.Of(exception));
        }
    }

    private string[] TargetsOf(ParseResult result, string image)
    {
        string name = Path.Combine(result.GetValue(_out)!, Path.GetFileNameWithoutExtension(image));
        string[] pictures = [name + ".png", name + "-overlay.png"];
        return result.GetValue(_save) ? [.. pictures, name + ".safetensors"] : pictures;
    }
}
