using System.Text.Json;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>The files of a comparison: its configuration, a run folder a system and seed, their scores, and some masks.</summary>
internal sealed class CompareFolder
{
    private const string ConfigName = "compare.config.json";
    private const long MostBytes = 1 << 24;
    private readonly string _path;

    private CompareFolder(string path) => _path = path;

    /// <summary>Starts a comparison, or goes on with the one that the folder holds.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="config">What is compared.</param>
    /// <param name="trainingData">The fingerprint of the training split.</param>
    /// <param name="validationData">That of the split to score on.</param>
    /// <exception cref="UserInputException">The folder holds something else, or a comparison of other things.</exception>
    public static CompareFolder Open(string path, CompareConfig config, string trainingData, string validationData)
    {
        byte[] text = [.. JsonSerializer.SerializeToUtf8Bytes(new KeptConfig(config, trainingData, validationData), CompareJson.Default.KeptConfig), (byte)'\n'];
        string file = Path.Combine(path, ConfigName);
        if (File.Exists(path))
        {
            throw new UserInputException($"{path} is a file; the comparison needs a folder of its own.");
        }

        if (File.Exists(file))
        {
            FileSize.Check(file, "a comparison's configuration", MostBytes);
            return File.ReadAllBytes(file).AsSpan().SequenceEqual(text)
                ? new CompareFolder(path)
                : throw new UserInputException($"{path} holds a comparison with other options, or of data that have changed since ({ConfigName}). Repeat those to continue it, or name another folder; nothing was overwritten.");
        }

        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(entry => !IsLeftOver(entry)))
        {
            throw new UserInputException($"{path} is not empty. Name another folder for the comparison; nothing was overwritten.");
        }

        try
        {
            Directory.CreateDirectory(path);
            AtomicFile.Write(file, text);
            return new CompareFolder(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserInputException($"The folder {path} cannot be written: {error.Message}", error);
        }
    }

    public string RunOf(string system, ulong seed) => Sub("runs", $"{system}-seed{seed}");

    /// <summary>Where the mask of an image goes that a picture will show. An image's name may have folders.</summary>
    public string MaskOf(string system, Refinement refinement, string image) => ImageOf(Path.Combine("masks", system + Ending(refinement)), image);

    /// <summary>What is behind a system's name in the names of files.</summary>
    public static string Ending(Refinement refinement) => refinement switch
    {
        Refinement.Crf => "+crf",
        Refinement.CrfRnn => "+crf-rnn",
        _ => "",
    };

    /// <summary>Where the picture of an image goes.</summary>
    public string PictureOf(string image) => ImageOf("pictures", image);

    /// <summary>A file of the comparison itself.</summary>
    public string FileOf(string name) => Path.Combine(_path, name);

    public KeptScore? Score(string system, ulong seed, int classes)
    {
        string file = ScoreFile(system, seed);
        if (!File.Exists(file))
        {
            return null;
        }

        FileSize.Check(file, "a score", MostBytes, "; delete it to have it computed again");
        try
        {
            using FileStream stream = File.OpenRead(file);
            KeptScore? score = JsonSerializer.Deserialize(stream, CompareJson.Default.KeptScore);
            return score is not null && AreCounts(score.Plain) && (score.Refined is null || AreCounts(score.Refined))
                ? score
                : throw new UserInputException($"{file} holds no score of {classes} classes; delete it to have it computed again.");
        }
        catch (JsonException error)
        {
            throw new UserInputException($"{file} is damaged; delete it to have it computed again. {error.Message}", error);
        }

        bool AreCounts(long[] counts) => counts.Length == classes * classes && counts.All(count => count >= 0);
    }

    public void Keep(string system, ulong seed, KeptScore score)
    {
        Directory.CreateDirectory(Path.Combine(_path, "scores"));
        AtomicFile.Write(ScoreFile(system, seed), JsonSerializer.SerializeToUtf8Bytes(score, CompareJson.Default.KeptScore));
    }

    public static long[] Counts(ConfusionMatrix matrix) => [.. matrix.ToArray().Cast<long>()];

    // A process that was killed while it wrote the configuration leaves no more than this.
    private static bool IsLeftOver(string entry) => Path.GetFileName(entry) is var name && name.StartsWith(ConfigName, StringComparison.Ordinal) && name.EndsWith(".tmp", StringComparison.Ordinal);

    private string ScoreFile(string system, ulong seed) => Path.Combine(_path, "scores", $"{system}-seed{seed}.json");

    private string ImageOf(string folder, string image)
    {
        string file = Path.Combine(_path, folder, $"{image}.png");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        return file;
    }

    private string Sub(string folder, string name)
    {
        Directory.CreateDirectory(Path.Combine(_path, folder));
        return Path.Combine(_path, folder, name);
    }
}
