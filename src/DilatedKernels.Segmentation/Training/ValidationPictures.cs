using System.Globalization;
using System.Text.RegularExpressions;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Keeps of a validation its scores and, as pictures, the images with the largest share of wrong pixels: at most <see cref="Most"/>, none of a side above
/// <see cref="LongestSide"/>. They are in the run's folder <c>validation</c>, where each validation takes the place of the one before.
/// </summary>
internal sealed partial class ValidationPictures(ClassSet classes)
{
    public const int Most = 12;
    public const int LongestSide = 384;
    public static readonly IReadOnlyList<string> Kinds = ["image", "truth", "prediction"];

    private readonly List<(string Name, double Errors, RgbImage Image, IndexMask Truth, IndexMask Prediction)> _worst = [];

    /// <summary>Looks at a prediction.</summary>
    public void Add(Sample sample, IndexMask prediction)
    {
        IndexMask truth = SampleReader.ReadMask(sample);
        double errors = Errors(truth, prediction);
        if (double.IsNaN(errors) || (_worst.Count == Most && errors <= _worst[^1].Errors))
        {
            return;
        }

        (RgbImage image, _) = Evaluator.Read(sample);
        int at = _worst.FindIndex(kept => kept.Errors < errors);
        _worst.Insert(at < 0 ? _worst.Count : at, (sample.Name, errors, Reduction.Of(image, LongestSide), Reduction.Of(truth, LongestSide), Reduction.Of(prediction, LongestSide)));
        if (_worst.Count > Most)
        {
            _worst.RemoveAt(Most);
        }
    }

    /// <summary>Writes what was kept. A process that is killed meanwhile leaves the validation before it whole.</summary>
    public void Write(string folder, long step, int images, ConfusionMatrix matrix)
    {
        Directory.CreateDirectory(folder);
        var pictures = new List<KeptPicture>();
        var palette = new Palette([.. classes.Palette.Colors.Take(classes.Count)]);
        foreach ((string name, double errors, RgbImage image, IndexMask truth, IndexMask prediction) in _worst)
        {
            var picture = new KeptPicture(name, string.Create(CultureInfo.InvariantCulture, $"{step}-{pictures.Count + 1:D2}"), errors);
            pictures.Add(picture);
            PngWriter.Write(Path.Combine(folder, picture.FileOf(Kinds[0])), image);
            PngWriter.Write(Path.Combine(folder, picture.FileOf(Kinds[1])), truth, palette);
            PngWriter.Write(Path.Combine(folder, picture.FileOf(Kinds[2])), prediction, palette);
        }

        new KeptValidation
        {
            Step = step,
            Images = images,
            Classes = classes.Names,
            Palette = palette,
            VoidLabel = classes.VoidLabel,
            Confusion = [.. matrix.ToArray().Cast<long>()],
            Pictures = pictures,
        }.Write(folder);
        HashSet<string> kept = [.. pictures.SelectMany(picture => Kinds.Select(picture.FileOf))];
        foreach (string file in Directory.EnumerateFiles(folder, "*.png").Where(file => IsOwn().IsMatch(Path.GetFileName(file)) && !kept.Contains(Path.GetFileName(file))))
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"^\d+-\d\d-(image|truth|prediction)\.png$")]
    private static partial Regex IsOwn();

    private double Errors(IndexMask truth, IndexMask prediction)
    {
        int wrong = 0;
        int counted = 0;
        for (int i = 0; i < truth.Indices.Length; i++)
        {
            if (truth.Indices[i] != classes.VoidLabel)
            {
                counted++;
                wrong += truth.Indices[i] == prediction.Indices[i] ? 0 : 1;
            }
        }

        return counted == 0 ? double.NaN : (double)wrong / counted;
    }
}
