using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary>Where the probabilities of an image come from: a network, or the file of the image's name in a folder.</summary>
internal sealed class ProbabilitySource : IDisposable
{
    private readonly Func<string, RgbImage, CancellationToken, (ProbabilityMap, Palette)> _get;
    private readonly IDisposable? _owned;

    private ProbabilitySource(Func<string, RgbImage, CancellationToken, (ProbabilityMap, Palette)> get, IDisposable? owned = null) => (_get, _owned) = (get, owned);

    /// <summary>A network, which it then owns.</summary>
    public static ProbabilitySource FromNetwork(SegmentationModel model, int tile, PredictionViews? views, SlidingWindow? window)
    {
        var predictor = new Predictor(model, tile, views, window);
        return new ProbabilitySource((_, image, cancellation) => (predictor.Probabilities(image, cancellation: cancellation), model.Config.Palette ?? Palette.Voc), model);
    }

    /// <summary>The files that a source reads for images: a checkpoint, or those of the images' names in a folder.</summary>
    public static IEnumerable<string> Files(string source, IEnumerable<string> images) => !Directory.Exists(source) ? [source] : images.Select(image => FileOf(source, image));

    /// <summary>What <c>--save-probabilities</c> wrote into a folder.</summary>
    public static ProbabilitySource FromFolder(string folder) => new((imagePath, image, _) =>
    {
        string path = FileOf(folder, imagePath);
        if (!File.Exists(path))
        {
            throw new UserInputException($"There is no file {path} with the probabilities of {imagePath}; dilated predict --save-probabilities writes it.");
        }

        (ProbabilityMap map, Palette? palette) = ProbabilityFile.Read(path);
        return map.Width == image.Width && map.Height == image.Height
            ? (map, palette ?? Palette.Voc)
            : throw new UserInputException($"{path} is for {map.Width}×{map.Height} pixels, but {imagePath} has {image.Width}×{image.Height} (width×height).");
    });

    /// <summary>Refuses images in different folders whose probabilities would be one file in a folder of saved ones.</summary>
    public static void CheckNames(IEnumerable<string> imagePaths)
    {
        foreach (IGrouping<string, string> group in imagePaths.Distinct(StringComparer.Ordinal).GroupBy(path => Path.GetFileNameWithoutExtension(path), StringComparer.Ordinal))
        {
            if (group.Skip(1).FirstOrDefault() is { } other)
            {
                throw new UserInputException($"{group.First()} and {other} have one name, so a folder cannot hold the probabilities of both; name the checkpoint instead.");
            }
        }
    }

    public (ProbabilityMap Map, Palette Palette) Get(string imagePath, RgbImage image, CancellationToken cancellation) => _get(imagePath, image, cancellation);

    public void Dispose() => _owned?.Dispose();

    private static string FileOf(string folder, string imagePath) => Path.Combine(folder, Path.GetFileNameWithoutExtension(imagePath) + ".safetensors");
}
