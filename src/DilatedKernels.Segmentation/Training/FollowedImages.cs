using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Segmentation.Training;

/// <summary>The images that a run follows, as <c>validation/followed/followed.json</c> names them.</summary>
/// <param name="Images">Their names in the split, in the order of their files.</param>
internal sealed record FollowedNames(IReadOnlyList<string> Images);

/// <summary>
/// Keeps what a run predicted for the same few images after every validation, so that it can be seen how that changed: images, evenly spaced over the split,
/// and truths in <c>validation/followed</c>, predictions and overlays in <c>validation/step-000500</c>, none of a side above <see cref="LongestSide"/>. Of more
/// than <see cref="MostSteps"/> validations every other is dropped.
/// </summary>
internal sealed partial class FollowedImages
{
    public const int MostImages = 16;
    public const int MostSteps = 32;
    public const int LongestSide = 256;
    private const string NamesFile = "followed.json";
    private const double Opacity = 0.6;
    private const long MostNamesBytes = 1 << 20;

    private readonly string _folder;
    private readonly Palette _palette;
    private readonly Sample[] _samples;
    private readonly (RgbImage Image, IndexMask Truth)[] _pictures;
    private readonly IndexMask?[] _predictions;
    private bool _isPrepared;

    /// <summary>Chooses images; none is read yet.</summary>
    public FollowedImages(string folder, IReadOnlyList<Sample> samples, int count, ClassSet classes)
    {
        _folder = folder;
        _palette = new Palette([.. classes.Palette.Colors.Take(classes.Count)]);
        _samples = [.. Chosen(samples.Count, count).Select(index => samples[index])];
        _pictures = new (RgbImage, IndexMask)[_samples.Length];
        _predictions = new IndexMask?[_samples.Length];
    }

    /// <summary>Indices of images that are evenly spaced over a split.</summary>
    public static IEnumerable<int> Chosen(int samples, int count)
    {
        int chosen = Math.Min(samples, count);
        return Enumerable.Range(0, chosen).Select(i => (int)(((2L * i) + 1) * samples / (2L * chosen)));
    }

    /// <summary>Takes an image's prediction, if the image is one of those.</summary>
    public void Add(Sample sample, IndexMask prediction)
    {
        int index = Array.IndexOf(_samples, sample);
        if (index >= 0)
        {
            _predictions[index] = Reduction.Of(prediction, LongestSide);
        }
    }

    /// <summary>Takes what another process predicted.</summary>
    public void Add(KeptPrediction kept) => _predictions[kept.Index] = kept.Mask;

    /// <summary>What this process predicted, with which of the followed images it was.</summary>
    public IEnumerable<KeptPrediction> Predictions => _predictions.Index().Where(kept => kept.Item is not null).Select(kept => new KeptPrediction(kept.Index, 0, kept.Item!));

    /// <summary>Writes what was predicted after a step.</summary>
    public void Write(long step)
    {
        if (_samples.Length == 0)
        {
            return;
        }

        using IDisposable suspension = Watchdog.Suspend();
        Prepare();
        string folder = FolderOf(_folder, step);
        Directory.CreateDirectory(folder);
        for (int i = 0; i < _samples.Length; i++)
        {
            if (_predictions[i] is { } prediction)
            {
                PngWriter.Write(Path.Combine(folder, FileOf(i, "prediction")), prediction, _palette);
                PngWriter.Write(Path.Combine(folder, FileOf(i, "overlay")), Overlay.Blend(_pictures[i].Image, prediction, _palette, Opacity));
            }
        }

        IReadOnlyList<long> steps = Steps(_folder);
        for (int i = 1; steps.Count > MostSteps && i < steps.Count - 1; i += 2)
        {
            Remove(_folder, steps[i]);
        }
    }

    /// <summary>The folder of a step's predictions.</summary>
    public static string FolderOf(string folder, long step) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"step-{step:D6}"));

    /// <summary>The folder of the images and their truths.</summary>
    public static string ImagesIn(string folder) => Path.Combine(folder, "followed");

    /// <summary>The name of a file, of the kinds image, truth, prediction and overlay.</summary>
    public static string FileOf(int index, string kind) => string.Create(CultureInfo.InvariantCulture, $"{index + 1:D2}-{kind}.png");

    /// <summary>Steps that have predictions, ascending.</summary>
    public static IReadOnlyList<long> Steps(string folder) => !Directory.Exists(folder) ? [] : [.. Directory.EnumerateDirectories(folder, "step-*")
        .Select(path => StepFolder().Match(Path.GetFileName(path)))
        .Where(match => match.Success && long.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        .Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))
        .Order()];

    /// <summary>The names of the images that a run follows; null where it follows none.</summary>
    /// <exception cref="UserInputException">The file holds something else.</exception>
    public static IReadOnlyList<string>? Read(string folder)
    {
        string path = Path.Combine(ImagesIn(folder), NamesFile);
        if (!File.Exists(path))
        {
            return null;
        }

        FileSize.Check(path, "names of images", MostNamesBytes, "; delete it, and the run's next validation writes it anew");
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ValidationJson.Default.FollowedNames) is { Images.Count: <= MostImages } names && names.Images.All(name => name is not null)
                ? names.Images
                : throw new JsonException("it does not name the images.");
        }
        catch (JsonException error)
        {
            throw new UserInputException($"{path} does not name the followed images: {JsonErrors.Describe(error)} Delete it, and the run's next validation writes it anew.", error);
        }
    }

    /// <summary>Removes what came after a step that a run goes on from, and files that a killed process had begun.</summary>
    public static void ForgetAfter(string folder, long step)
    {
        foreach (long own in Steps(folder))
        {
            if (own > step)
            {
                Remove(folder, own);
            }
            else
            {
                RemoveFiles(FolderOf(folder, own), temporaries: true);
            }
        }

        RemoveFiles(ImagesIn(folder), temporaries: true);
    }

    // Images and truths, once; of other images than before, nothing that was predicted is left.
    private void Prepare()
    {
        if (_isPrepared)
        {
            return;
        }

        string folder = ImagesIn(_folder);
        string[] names = [.. _samples.Select(sample => sample.Name)];
        for (int i = 0; i < _samples.Length; i++)
        {
            (RgbImage image, IndexMask truth) = Evaluator.Read(_samples[i]);
            _pictures[i] = (Reduction.Of(image, LongestSide), Reduction.Of(truth, LongestSide));
        }

        Directory.CreateDirectory(folder);
        if (!IsSame(names))
        {
            foreach (long step in Steps(_folder))
            {
                Remove(_folder, step);
            }

            RemoveFiles(folder, temporaries: false);
        }

        for (int i = 0; i < _samples.Length; i++)
        {
            PngWriter.Write(Path.Combine(folder, FileOf(i, "image")), _pictures[i].Image);
            PngWriter.Write(Path.Combine(folder, FileOf(i, "truth")), _pictures[i].Truth, _palette);
        }

        AtomicFile.Write(Path.Combine(folder, NamesFile), [.. JsonSerializer.SerializeToUtf8Bytes(new FollowedNames(names), ValidationJson.Default.FollowedNames), (byte)'\n']);
        _isPrepared = true;
    }

    // By their pixels, too: another image may have taken a name, as when a dataset is made anew in another size.
    private bool IsSame(string[] names)
    {
        try
        {
            return Read(_folder)?.SequenceEqual(names, StringComparer.Ordinal) == true && _pictures.Index().All(picture => IsSame(picture.Index, picture.Item.Image));
        }
        catch (UserInputException)
        {
            return false;
        }
    }

    private bool IsSame(int index, RgbImage image)
    {
        RgbImage kept = ImageFile.Read(Path.Combine(ImagesIn(_folder), FileOf(index, "image")));
        return kept.Width == image.Width && kept.Height == image.Height && kept.Pixels.AsSpan().SequenceEqual(image.Pixels);
    }

    // By their names: whatever else somebody put there stays, and its folder with it.
    private static void Remove(string folder, long step)
    {
        string own = FolderOf(folder, step);
        RemoveFiles(own, temporaries: false);
        if (Directory.Exists(own) && !Directory.EnumerateFileSystemEntries(own).Any())
        {
            Directory.Delete(own);
        }
    }

    private static void RemoveFiles(string folder, bool temporaries)
    {
        foreach (string file in Directory.Exists(folder) ? Directory.EnumerateFiles(folder) : [])
        {
            string name = Path.GetFileName(file);
            if (OwnFile().IsMatch(name) && (!temporaries || name.EndsWith(".tmp", StringComparison.Ordinal)))
            {
                File.Delete(file);
            }
        }
    }

    [GeneratedRegex(@"^step-(\d{6,18})$")]
    private static partial Regex StepFolder();

    [GeneratedRegex(@"^(\d\d-(image|truth|prediction|overlay)\.png|followed\.json)(\..*\.tmp)?$")]
    private static partial Regex OwnFile();
}
