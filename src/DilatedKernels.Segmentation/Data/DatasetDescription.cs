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

    public const string Numbers = "numbers";

    public const string Colors = "colors";

    private const long MaxFileBytes = 1 << 20;

    public string? Name { get; set; }

    public string[]? Classes { get; set; }

    public int[][]? Palette { get; set; }

    public int? Void { get; set; }

    public double[]? MeanBgr { get; set; }

    /// <summary>Where the images are: a <see cref="FilePattern"/>, such as <c>photos/{name}</c> or <c>images/{split}/{name}</c>.</summary>
    public string? Images { get; set; }

    /// <summary>Where their masks are, such as <c>labels/{name}_mask</c>.</summary>
    public string? Masks { get; set; }

    /// <summary>What stands for <c>{split}</c> in each split.</summary>
    public Dictionary<string, string>? Splits { get; set; }

    /// <summary>Text files that name a split's images, such as <c>lists/{split}.txt</c>.</summary>
    public string? Lists { get; set; }

    /// <summary>The share of the training images that is kept for validation.</summary>
    public double? ValShare { get; set; }

    /// <summary>Which ones that are.</summary>
    public long? ValSeed { get; set; }

    /// <summary>What masks hold: <see cref="Numbers"/>, the default, or <see cref="Colors"/> of the palette.</summary>
    public string? MaskValues { get; set; }

    /// <summary>Where the description of a dataset belongs.</summary>
    public static string PathIn(string root) => Path.Combine(root, FileName);

    /// <summary>Reads and checks the classes of a description.</summary>
    /// <param name="path">The file.</param>
    /// <param name="defaults">What is taken for missing fields; null if the class names must be given.</param>
    /// <param name="name">The dataset's name if the file has none.</param>
    public static ClassSet Read(string path, ClassSet? defaults, string name) => Load(path).ToClassSet(path, defaults, name);

    /// <summary>Reads a description and checks what it says about files.</summary>
    public static DatasetDescription Load(string path)
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
            throw new UserInputException($"{path}: {JsonErrors.Describe(e)} The fields are name, classes, palette, void, meanBgr, images, masks, splits, lists, valShare, valSeed and maskValues; a small one is {Example}.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserInputException($"{path}: the file cannot be read: {e.Message}", e);
        }

        description.CheckFiles(path);
        return description;
    }

    private void CheckFiles(string path)
    {
        if (MaskValues is not (null or Numbers or Colors))
        {
            throw new UserInputException($"{path}: \"maskValues\" is \"{MaskValues}\"; masks hold \"{Numbers}\" or \"{Colors}\".");
        }

        if (Images is null || Masks is null)
        {
            string? alone = Images is not null ? "images" : Masks is not null ? "masks" : Splits is not null ? "splits" : Lists is not null ? "lists" : ValShare is not null ? "valShare" : ValSeed is not null ? "valSeed" : null;
            if (alone is not null)
            {
                throw new UserInputException($"{path}: \"{alone}\" needs both \"images\" and \"masks\" beside it, such as \"photos/{FilePattern.Name}\" and \"labels/{FilePattern.Name}_mask\".");
            }

            return;
        }

        foreach ((string field, string pattern) in new[] { ("images", Images), ("masks", Masks) })
        {
            if (FilePattern.Problem(pattern) is { } problem)
            {
                throw new UserInputException($"{path}: \"{field}\" is \"{pattern}\", which {problem}; it is such as \"photos/{FilePattern.Name}\".");
            }
        }

        if (Lists is not null && (FilePattern.Problem(Lists + FilePattern.Name) is not null || !Lists.Contains(FilePattern.Split, StringComparison.Ordinal)))
        {
            throw new UserInputException($"{path}: \"lists\" is \"{Lists}\"; it is a path within the dataset with {FilePattern.Split} in it, such as \"lists/{FilePattern.Split}.txt\".");
        }

        bool named = (Images + Masks + Lists).Contains(FilePattern.Split, StringComparison.Ordinal);
        if (named != Splits is { Count: > 0 } || Splits?.Any(split => string.IsNullOrWhiteSpace(split.Key) || string.IsNullOrEmpty(split.Value) || FilePattern.Problem(split.Value + FilePattern.Name) is not null) == true)
        {
            throw new UserInputException($"{path}: \"splits\" says what {FilePattern.Split} in the other fields stands for, such as {{ \"train\": \"training\", \"val\": \"validation\" }}; it is needed exactly where {FilePattern.Split} is used.");
        }

        if (ValShare is not null && (ValShare is not (> 0 and < 1) || Splits?.ContainsKey(DescribedLayout.Validation) == true || Splits?.ContainsKey(DescribedLayout.Training) == false))
        {
            throw new UserInputException($"{path}: \"valShare\" is {ValShare}; it is the share, above 0 and below 1, of the split \"train\" that becomes \"val\", where \"splits\" has no \"val\" of its own.");
        }

        if (ValSeed is not null && ValShare is null)
        {
            throw new UserInputException($"{path}: \"valSeed\" needs \"valShare\" beside it.");
        }
    }

    /// <summary>The classes, with what is missing taken from the defaults.</summary>
    public ClassSet ToClassSet(string path, ClassSet? defaults, string name)
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
