using System.CommandLine;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated predict</c>: images to paletted masks and overlays, at the images' own resolution.</summary>
internal sealed class PredictCommand
{
    private readonly Argument<string> _checkpoint = new("checkpoint") { Description = "The checkpoint." };
    private readonly Argument<string[]> _images = new("images") { Description = "PNG or JPEG images.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _out = new("--out") { Description = "Where NAME.png (class indices with a palette) and NAME-overlay.png go.", DefaultValueFactory = _ => "predictions", HelpName = "FOLDER" };
    private readonly Option<double> _opacity = new("--opacity") { Description = "Of the classes over the image, 0 to 1.", DefaultValueFactory = _ => 0.5, HelpName = "FACTOR" };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Write over masks and overlays that are there already." };
    private readonly Option<int> _tile = new("--tile") { Description = "Cells along the side of a tile; smaller needs less memory. The result is the same. An FCN or DeepLab pads its maps and knows no tiles.", DefaultValueFactory = _ => 66, HelpName = "N" };
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly DeviceOptions _device = new();

    public static Command Create()
    {
        var verb = new PredictCommand();
        var command = new Command("predict", "Segments images: a paletted mask and an overlay for each, at its own resolution.")
        {
            verb._checkpoint, verb._images, verb._out, verb._opacity, verb._overwrite, verb._tile, verb._precision,
        };
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        TextWriter error = result.InvocationConfiguration.Error;
        double opacity = result.GetValue(_opacity);
        if (opacity is not (>= 0 and <= 1))
        {
            throw new UserInputException($"--opacity is from 0 to 1; it was {opacity}.");
        }

        int tile = result.GetValue(_tile);
        if (tile is < 1 or > 4096)
        {
            throw new UserInputException($"--tile is from 1 to 4096; it was {tile}.");
        }

        string checkpoint = CheckpointPath.Existing(result.GetValue(_checkpoint)!);
        string[] images = result.GetValue(_images)!;
        string folder = result.GetValue(_out)!;
        if (string.IsNullOrWhiteSpace(folder) || File.Exists(folder))
        {
            throw new UserInputException($"--out names the folder for the results; \"{folder}\" cannot be one.");
        }

        CheckTargets(images, folder, result.GetValue(_overwrite));
        using Device device = _device.Open(result);
        using SegmentationModel model = ModelFile.Load(checkpoint, device, result.GetValue(_precision));
        if (model.IsPadded)
        {
            Given.Refuse(result, $"{model.Config.Name} pads its maps and sees every image whole.", _tile);
        }

        Palette palette = model.Config.Palette ?? Palette.Voc;
        var predictor = new Predictor(model, tile);
        Directory.CreateDirectory(folder);
        int failures = 0;
        foreach (string path in images)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                RgbImage image = ImageFile.Read(path);
                IndexMask mask = predictor.Predict(image, cancellation);
                (string maskPath, string overlayPath) = TargetsOf(path, folder);
                MaskFile.Write(maskPath, mask, palette);
                PngWriter.Write(overlayPath, Overlay.Blend(image, mask, palette, opacity));
                output.WriteLine(maskPath);
            }
            catch (Exception exception) when (exception is UserInputException or FileNotFoundException or DirectoryNotFoundException && images.Length > 1)
            {
                failures++;
                error.WriteLine($"dilated: {exception.Message}");
            }
        }

        if (failures > 0)
        {
            error.WriteLine($"dilated: {failures} of {images.Length} images could not be read; the others are done.");
            return ExitCode.Failed;
        }

        return ExitCode.Ok;
    }

    private static (string Mask, string Overlay) TargetsOf(string image, string folder)
    {
        string name = Path.Combine(folder, Path.GetFileNameWithoutExtension(image));
        return (name + ".png", name + "-overlay.png");
    }

    private static void CheckTargets(string[] images, string folder, bool overwrite)
    {
        var sources = images.Select(Path.GetFullPath).ToHashSet(StringComparer.Ordinal);
        var targets = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string image in images)
        {
            (string mask, string overlay) = TargetsOf(image, folder);
            foreach (string target in new[] { mask, overlay })
            {
                if (sources.Contains(Path.GetFullPath(target)))
                {
                    throw new UserInputException($"{target} would overwrite an input image; name another folder with --out.");
                }

                if (!targets.TryAdd(target, image))
                {
                    throw new UserInputException($"{image} and {targets[target]} would both be written to {target}; predict them into different folders.");
                }

                if (!overwrite && File.Exists(target))
                {
                    throw new UserInputException($"{target} exists already; name another folder with --out, or allow it with --overwrite.");
                }
            }
        }
    }
}
