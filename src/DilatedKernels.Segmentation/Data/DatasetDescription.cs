using System.Text.Json;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>The content of a dataset.json file.</summary>
internal sealed class DatasetDescription
{
    /// <summary>The file's name within the dataset's folder.</summary>
    public const string FileName = "dataset.json";

    public const string Example = """{ "classes": ["sky", "building"], "void": 255 }""";

    private const long MaxFileBytes = 1 << 20;

    public string? Name { get; set; }

    public string[]? Classes { get; set; }

    public int[][]? Palette { get; set; }

    public int? Void { get; set; }

    public double[]? MeanBgr { get; set; }

    /// <summary>Where the description of a dataset belongs.</summary>
    public static string PathIn(string root) => Path.Combine(root, FileName);

    /// <summary>Reads and checks a description.</summary>
    /// <param name="path">The file.</param>
    /// <param name="defaults">What is taken for missing fields; null if the class names must be given.</param>
    /// <param name="name">The dataset's name if the file has none.</param>
    public static ClassSet Read(string path, ClassSet? defaults, string name)
    {
        DatasetDescription description;
        try
        {
            if (FileSize.Of(path) == 0)
            {
                throw new UserInputException($"{path}: the file is empty, or it is no ordinary file but a pipe or a device; a dataset description is a file such as {Example}.");
            }

            using FileStream stream = File.OpenRead(path);
            if (stream.Length > MaxFileBytes)
            {
                throw new UserInputException($"{path}: the file has {stream.Length} bytes; a dataset description has at most {MaxFileBytes}.");
            }

            description = JsonSerializer.Deserialize(stream, DatasetJsonContext.Default.DatasetDescription)
                ?? throw new UserInputException($"{path}: the file holds null instead of a dataset description such as {Example}.");
        }
        catch (JsonException e)
        {
            string place = e.LineNumber is long line ? $"line {line + 1}, byte {e.BytePositionInLine + 1}: " : "";
            throw new UserInputException($"{path}: {place}{JsonErrors.Describe(e)} The fields are name, classes, palette, void and meanBgr, as in {Example}.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserInputException($"{path}: the file cannot be read: {e.Message}", e);
        }

        return description.ToClassSet(path, defaults, name);
    }

    private ClassSet ToClassSet(string path, ClassSet? defaults, string name)
    {
        IReadOnlyList<string> names = Classes ?? defaults?.Names
            ?? throw new UserInputException($"{path}: the field \"classes\" is missing; it lists the class names in the order of their labels, as in {Example}.");
        CheckNames(path, names);
        int voidLabel = Void ?? 255;
        if (voidLabel < names.Count || voidLabel > 255)
        {
            throw new UserInputException($"{path}: \"void\" is {voidLabel}; it must not be a class, so with {names.Count} classes it is {names.Count} to 255.");
        }

        // Only the default classes have a mean and colours that are known to belong to them.
        bool sameClasses = defaults is not null && Classes is null;
        return new ClassSet
        {
            Name = Name ?? name,
            Names = names,
            Palette = Palette is null ? (sameClasses ? defaults!.Palette : Imaging.Palette.Voc) : ToPalette(path, Palette, names.Count),
            PaletteIsDefault = Palette is null && (!sameClasses || defaults!.PaletteIsDefault),
            VoidLabel = voidLabel,
            MeanBgr = MeanBgr is null ? ClassSet.Voc.MeanBgr : ToMean(path, MeanBgr),
            MeanIsDefault = MeanBgr is null && !sameClasses,
        };
    }

    private static void CheckNames(string path, IReadOnlyList<string> names)
    {
        if (names.Count is < 1 or > 255)
        {
            throw new UserInputException($"{path}: \"classes\" lists {names.Count} names; a dataset has 1 to 255 classes.");
        }

        HashSet<string> seen = new(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(names[i]))
            {
                throw new UserInputException($"{path}: the name of class {i} in \"classes\" is empty.");
            }

            if (!seen.Add(names[i]))
            {
                throw new UserInputException($"{path}: \"classes\" lists \"{names[i]}\" twice; every class has its own name.");
            }
        }
    }

    private static Palette ToPalette(string path, int[][] colors, int classes)
    {
        if (colors.Length < classes || colors.Length > 256)
        {
            throw new UserInputException($"{path}: \"palette\" has {colors.Length} colours for {classes} classes; it has one a class, and at most 256.");
        }

        var palette = new (byte R, byte G, byte B)[colors.Length];
        for (int i = 0; i < colors.Length; i++)
        {
            int[]? color = colors[i];
            if (color is not { Length: 3 } || color.Any(level => level is < 0 or > 255))
            {
                throw new UserInputException($"{path}: colour {i} of \"palette\" is [{(color is null ? "" : string.Join(", ", color))}]; a colour is red, green and blue from 0 to 255, such as [128, 64, 0].");
            }

            palette[i] = ((byte)color[0], (byte)color[1], (byte)color[2]);
        }

        return new Palette(palette);
    }

    private static (double B, double G, double R) ToMean(string path, double[] mean)
        => mean.Length == 3 && mean.All(level => level is >= 0 and <= 255)
            ? (mean[0], mean[1], mean[2])
            : throw new UserInputException($"{path}: \"meanBgr\" is [{string.Join(", ", mean)}]; it is the mean blue, green and red of the images, each from 0 to 255.");
}

/// <summary>Generated serialization, so that reading works in a trimmed, ahead-of-time compiled program.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true)]
[JsonSerializable(typeof(DatasetDescription))]
internal sealed partial class DatasetJsonContext : JsonSerializerContext;
