using System.Text.Json;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>The files of a comparison: its configuration, a run folder a system and seed, their scores, and some masks.</summary>
internal sealed class CompareFolder
{
    private const string ConfigName = "compare.config.json";
    private readonly string _path;

    private CompareFolder(string path) => _path = path;

    /// <summary>Starts a comparison, or goes on with the one that the folder holds.</summary>
    /// <exception cref="UserInputException">The folder holds something else, or a comparison of other things.</exception>
    public static CompareFolder Open(string path, CompareConfig config)
    {
        byte[] text = [.. JsonSerializer.SerializeToUtf8Bytes(config, CompareJson.Default.CompareConfig), (byte)'\n'];
        string file = Path.Combine(path, ConfigName);
        if (File.Exists(path))
        {
            throw new UserInputException($"{path} is a file; the comparison needs a folder of its own.");
        }

        if (File.Exists(file))
        {
            return File.ReadAllBytes(file).AsSpan().SequenceEqual(text)
                ? new CompareFolder(path)
                : throw new UserInputException($"{path} holds a comparison with other options ({ConfigName}). Repeat those to continue it, or name another folder; nothing was overwritten.");
        }

        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
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

    /// <summary>Where the mask of an image goes that a picture will show.</summary>
    public string MaskOf(string system, bool withCrf, string image) => Path.Combine(Sub("masks", system + (withCrf ? "+crf" : "")), $"{image.Replace('/', '_').Replace('\\', '_')}.png");

    /// <summary>A file of the comparison itself.</summary>
    public string FileOf(string name) => Path.Combine(_path, name);

    public KeptScore? Score(string system, ulong seed, int classes)
    {
        string file = ScoreFile(system, seed);
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            using FileStream stream = File.OpenRead(file);
            KeptScore? score = JsonSerializer.Deserialize(stream, CompareJson.Default.KeptScore);
            return score is not null && score.Plain.Length == classes * classes && (score.Refined is null || score.Refined.Length == classes * classes)
                ? score
                : throw new UserInputException($"{file} holds no score of {classes} classes; delete it to have it computed again.");
        }
        catch (JsonException error)
        {
            throw new UserInputException($"{file} is damaged; delete it to have it computed again. {error.Message}", error);
        }
    }

    public void Keep(string system, ulong seed, KeptScore score)
    {
        Directory.CreateDirectory(Path.Combine(_path, "scores"));
        AtomicFile.Write(ScoreFile(system, seed), JsonSerializer.SerializeToUtf8Bytes(score, CompareJson.Default.KeptScore));
    }

    public static long[] Counts(ConfusionMatrix matrix) => [.. matrix.ToArray().Cast<long>()];

    private string ScoreFile(string system, ulong seed) => Path.Combine(_path, "scores", $"{system}-seed{seed}.json");

    private string Sub(string folder, string name)
    {
        Directory.CreateDirectory(Path.Combine(_path, folder));
        return Path.Combine(_path, folder, name);
    }
}
