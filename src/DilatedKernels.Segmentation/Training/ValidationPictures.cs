using System.Globalization;
using System.Text.RegularExpressions;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Keeps of a validation its scores and, as pictures, the images with the largest share of wrong pixels: at most <see cref="Most"/>, none of a side above
/// <see cref="LongestSide"/>. They are in the run's folder <c>validation</c>, where each validation takes the place of the one before.
/// </summary>
internal sealed partial class ValidationPictures(IReadOnlyList<Sample> samples, ClassSet classes)
{
    public const int Most = 12;
    public const int LongestSide = 384;
    public static readonly IReadOnlyList<string> Kinds = ["image", "truth", "prediction"];

    private readonly List<KeptPrediction> _worst = [];

    /// <summary>The predictions with the most errors, worst first; of equals, that of the image that comes first in its split.</summary>
    public IReadOnlyList<KeptPrediction> Worst => _worst;

    /// <summary>Looks at an image's prediction.</summary>
    public void Add(int index, IndexMask prediction)
    {
        double errors = Errors(SampleReader.ReadMask(samples[index]), prediction);
        if (!double.IsNaN(errors))
        {
            Add(index, errors, () => Reduction.Of(prediction, LongestSide));
        }
    }

    /// <summary>Takes what another process kept.</summary>
    public void Add(KeptPrediction kept) => Add(kept.Index, kept.Errors, () => kept.Mask);

    /// <summary>Writes what was kept. A process that is killed meanwhile leaves the validation before it whole.</summary>
    public void Write(string folder, long step, ConfusionMatrix matrix)
    {
        using IDisposable suspension = Watchdog.Suspend();
        Directory.CreateDirectory(folder);
        var pictures = new List<KeptPicture>();
        var palette = new Palette([.. classes.Palette.Colors.Take(classes.Count)]);
        foreach (KeptPrediction kept in _worst)
        {
            Sample sample = samples[kept.Index];
            (RgbImage image, IndexMask truth) = Evaluator.Read(sample);
            var picture = new KeptPicture(sample.Name, string.Create(CultureInfo.InvariantCulture, $"{step}-{pictures.Count + 1:D2}"), kept.Errors);
            pictures.Add(picture);
            PngWriter.Write(Path.Combine(folder, picture.FileOf(Kinds[0])), Reduction.Of(image, LongestSide));
            PngWriter.Write(Path.Combine(folder, picture.FileOf(Kinds[1])), Reduction.Of(truth, LongestSide), palette);
            PngWriter.Write(Path.Combine(folder, picture.FileOf(Kinds[2])), kept.Mask, palette);
        }

        new KeptValidation
        {
            Step = step,
            Images = samples.Count,
            Classes = classes.Names,
            Palette = palette,
            VoidLabel = classes.VoidLabel,
            Confusion = [.. matrix.ToArray().Cast<long>()],
            Pictures = pictures,
        }.Write(folder);
        HashSet<string> files = [.. pictures.SelectMany(picture => Kinds.Select(picture.FileOf))];
        foreach (string file in Directory.EnumerateFiles(folder, "*.png").Where(file => IsOwn().IsMatch(Path.GetFileName(file)) && !files.Contains(Path.GetFileName(file))))
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"^\d+-\d\d-(image|truth|prediction)\.png$")]
    private static partial Regex IsOwn();

    private void Add(int index, double errors, Func<IndexMask> reduced)
    {
        int at = _worst.FindIndex(kept => kept.Errors < errors || (kept.Errors == errors && kept.Index > index));
        at = at < 0 ? _worst.Count : at;
        if (at < Most)
        {
            _worst.Insert(at, new KeptPrediction(index, errors, reduced()));
            _worst.RemoveRange(Math.Min(Most, _worst.Count), Math.Max(0, _worst.Count - Most));
        }
    }

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
