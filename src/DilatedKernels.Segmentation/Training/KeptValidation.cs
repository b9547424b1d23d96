using System.Text.Json;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Training;

/// <summary>A validation's image that was kept as pictures.</summary>
/// <param name="Name">The image's name in its split.</param>
/// <param name="File">What the names of its files begin with, in the folder of the validation.</param>
/// <param name="Errors">The share of its pixels that are wrong, without void.</param>
internal sealed record KeptPicture(string Name, string File, double Errors)
{
    /// <summary>The name of one of its files.</summary>
    public string FileOf(string kind) => $"{File}-{kind}.png";
}

/// <summary>The last validation of a run, as <c>validation/validation.json</c> keeps it.</summary>
internal sealed record KeptValidation
{
    public const string FileName = "validation.json";
    private const long MostBytes = 1 << 24;

    // All cells of 255 classes together stay below 2^63.
    private const long MostPixels = 1L << 46;

    /// <summary>Steps done before it.</summary>
    public required long Step { get; init; }

    /// <summary>Images scored.</summary>
    public required int Images { get; init; }

    /// <summary>The classes' names.</summary>
    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>Their colours.</summary>
    public required Palette Palette { get; init; }

    /// <summary>The label that counts for nothing.</summary>
    public required int VoidLabel { get; init; }

    /// <summary>Counts of pixels, a row for each true class.</summary>
    public required long[] Confusion { get; init; }

    /// <summary>The images with the most errors, worst first.</summary>
    public required IReadOnlyList<KeptPicture> Pictures { get; init; }

    /// <summary>The counts.</summary>
    [JsonIgnore]
    public ConfusionMatrix Matrix => ConfusionMatrix.FromCounts(Classes.Count, Confusion);

    /// <summary>Reads a folder's validation; null where there is none.</summary>
    /// <exception cref="UserInputException">The file holds something else.</exception>
    public static KeptValidation? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        FileSize.Check(path, "a validation", MostBytes, "; the run's next validation writes it anew");
        try
        {
            KeptValidation? kept = JsonSerializer.Deserialize(File.ReadAllBytes(path), ValidationJson.Default.KeptValidation);
            return kept is { Classes.Count: >= 1 and <= 255 } && kept.Confusion.Length == kept.Classes.Count * kept.Classes.Count && kept.Confusion.All(count => count is >= 0 and <= MostPixels)
                && kept.Classes.All(name => name is not null) && kept.Pictures.All(picture => picture is not null && picture.File.All(c => char.IsAsciiDigit(c) || c == '-'))
                ? kept
                : throw new JsonException("its numbers do not fit each other.");
        }
        catch (JsonException error)
        {
            throw new UserInputException($"{path} holds no validation: {JsonErrors.Describe(error)}", error);
        }
    }

    public void Write(string folder) =>
        AtomicFile.Write(Path.Combine(folder, FileName), [.. JsonSerializer.SerializeToUtf8Bytes(this, ValidationJson.Default.KeptValidation), (byte)'\n']);
}

[JsonSourceGenerationOptions(
    WriteIndented = true,
    NewLine = "\n",
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    Converters = [typeof(PaletteJsonConverter)])]
[JsonSerializable(typeof(KeptValidation))]
[JsonSerializable(typeof(FollowedNames))]
internal sealed partial class ValidationJson : JsonSerializerContext;
