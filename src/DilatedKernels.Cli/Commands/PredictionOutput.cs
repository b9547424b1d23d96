using System.CommandLine;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
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
    private readonly Option<bool> _save = new("--save-probabilities") { Description = "Write NAME.safetensors too: the probabilities behind the mask, float32 [C, H, W]." };

    /// <param name="folder">Where results go by default.</param>
    public PredictionOutput(string folder) => _out = new Option<string>("--out")
    {
        Description = "Where NAME.png (class indices with a palette) and NAME-overlay.png go.",
        DefaultValueFactory = _ => folder,
        HelpName = "FOLDER",
    };

    public IEnumerable<Option> Options => [_out, _opacity, _overwrite, _save];

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
    public void Check(ParseResult result, string[] images, params IEnumerable<string> others)
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
        foreach (string image in images)
        {
            foreach (string target in TargetsOf(result, image))
            {
                if (sources.Contains(RealPath.Of(target)))
                {
                    throw new UserInputException($"{target} would overwrite an input; name another folder with --out.");
                }

                if (!targets.TryAdd(target, image))
                {
                    throw new UserInputException($"{image} and {targets[target]} would both be written to {target}; predict them into different folders.");
                }

                if (!result.GetValue(_overwrite) && File.Exists(target))
                {
                    throw new UserInputException($"{target} exists already; name another folder with --out, or allow it with --overwrite.");
                }
            }
        }
    }

    /// <summary>Predicts and writes every image. Where there are several, one that fails does not stop the others.</summary>
    public int Run(ParseResult result, string[] images, Func<string, RgbImage, Prediction> predict, CancellationToken cancellation)
    {
        TextWriter error = result.InvocationConfiguration.Error;
        Directory.CreateDirectory(result.GetValue(_out)!);
        int failures = 0;
        foreach (string path in images)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                RgbImage image = ImageFile.Read(path);
                Prediction prediction = predict(path, image);
                string[] targets = TargetsOf(result, path);
                MaskFile.Write(targets[0], prediction.Mask, prediction.Palette);
                PngWriter.Write(targets[1], Overlay.Blend(image, prediction.Mask, prediction.Palette, result.GetValue(_opacity)));
                if (targets.Length > 2)
                {
                    ProbabilityFile.Write(targets[2], prediction.Probabilities!, prediction.Palette);
                }

                result.InvocationConfiguration.Output.WriteLine(targets[0]);
            }
            catch (Exception exception) when (exception is UserInputException or SafetensorsException or FileNotFoundException or DirectoryNotFoundException && images.Length > 1)
            {
                failures++;
                error.WriteLine($"dilated: {exception.Message}");
            }
        }

        if (failures > 0)
        {
            error.WriteLine($"dilated: {failures} of {images.Length} images failed; the others are done.");
            return ExitCode.Failed;
        }

        return ExitCode.Ok;
    }

    private string[] TargetsOf(ParseResult result, string image)
    {
        string name = Path.Combine(result.GetValue(_out)!, Path.GetFileNameWithoutExtension(image));
        string[] pictures = [name + ".png", name + "-overlay.png"];
        return result.GetValue(_save) ? [.. pictures, name + ".safetensors"] : pictures;
    }
}
