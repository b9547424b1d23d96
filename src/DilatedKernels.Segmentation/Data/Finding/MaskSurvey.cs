using System.Globalization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>What masks hold: the classes as far as they show in the numbers or colours, with names that are made up.</summary>
internal sealed class MaskSurvey
{
    private const int MostClassColors = 64;
    private const int FewestOfPalette = 4;
    private const int Unquestioned = 40;

    /// <summary>The names of classes of numbers or colours of unknown meaning are made up.</summary>
    public required bool NamesAreMadeUp { get; init; }

    /// <summary>What was found, as a sentence.</summary>
    public required string Finding { get; init; }

    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>A colour a class, and that of void after them where it has one; null where nothing says which.</summary>
    public Palette? Palette { get; init; }

    public int Void { get; init; } = 255;

    public bool HoldsColors { get; init; }

    /// <summary>Looks over all masks of some samples that can be read; the others are not its business.</summary>
    /// <exception cref="UserInputException">No classes can be made of what the masks hold.</exception>
    public static MaskSurvey Of(string root, IReadOnlyList<Sample> samples, CancellationToken cancellation)
    {
        string[] masks = [.. samples.Select(sample => sample.MaskPath).OfType<string>().Distinct(StringComparer.Ordinal)];
        var found = new Found?[masks.Length];
        Parallel.For(0, masks.Length, new ParallelOptions { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount }, i => found[i] = Read(masks[i]));
        Found[] readable = [.. found.OfType<Found>()];
        if (readable.Length == 0)
        {
            throw new UserInputException($"{root}: none of the {masks.Length} masks can be read, so nothing says which classes there are; check-data lists what is wrong with each once a dataset.json has \"classes\".");
        }

        return HoldNumbers(readable) ? OfNumbers(readable) : OfColors(root, readable);
    }

    // Numbers are few, or follow each other; where palettes give one number several colours, it means nothing.
    private static bool HoldNumbers(Found[] masks)
    {
        if (masks.Any(mask => mask.Labels is null))
        {
            return false;
        }

        int[] values = [.. Values(masks).Where(value => value != 255)];
        if (masks.Any(mask => mask.Colors is not null))
        {
            return values.Length > 0 && values.All(value => masks.Where(mask => mask.Labels![value] > 0 && value < mask.Colors?.Count).Select(mask => mask.Colors![value]).Distinct().Count() < 2);
        }

        return values.Length > 0 && values[^1] > 0 && values[^1] < Math.Max(Unquestioned, 2 * values.Length);
    }

    private static IEnumerable<int> Values(Found[] masks) => Enumerable.Range(0, 256).Where(value => masks.Any(mask => mask.Labels![value] > 0));

    private static MaskSurvey OfNumbers(Found[] masks)
    {
        int[] values = [.. Values(masks)];
        int classes = values.Last(value => value != 255 || values.Length == 1) + 1;
        Palette? palette = masks.Select(mask => mask.Colors).MaxBy(palette => palette?.Count ?? 0);
        string list = values.Length > 12 ? string.Create(CultureInfo.InvariantCulture, $"{values.Length} numbers from {values[0]} to {values[^1]}") : string.Join(", ", values);
        return new MaskSurvey
        {
            NamesAreMadeUp = true,
            Finding = $"The masks hold class numbers: {list}{(values.Contains(255) ? "; 255 is taken for void" : "")}.",
            Classes = [.. Enumerable.Range(0, classes).Select(label => string.Create(CultureInfo.InvariantCulture, $"class {label}"))],
            Palette = palette is null || palette.Count < classes ? null : new Palette([.. palette.Colors.Take(classes)]),
        };
    }

    private static MaskSurvey OfColors(string root, Found[] masks)
    {
        MaskColors colors = new();
        foreach (Found mask in masks)
        {
            colors.Add(mask.Shown);
        }

        string? known = colors.Pixels.Count < FewestOfPalette || colors.OtherPixels > 0 ? null
            : ColorCode.Names.FirstOrDefault(name => colors.Pixels.Keys.All(color => ColorCode.Known(name).TryGetLabel(color, out _)));
        if (known is not null)
        {
            (ClassSet classes, (byte R, byte G, byte B) voidColor) = ColorCode.ClassesOf(known);
            return new MaskSurvey
            {
                NamesAreMadeUp = false,
                HoldsColors = true,
                Finding = string.Create(CultureInfo.InvariantCulture, $"The masks hold {colors.Pixels.Count} colours; all are in {classes.Name}'s palette, which it probably is."),
                Classes = classes.Names,
                Palette = new Palette([.. classes.Palette.Colors.Take(classes.Count), voidColor]),
                Void = classes.Count,
            };
        }

        int[] found = [.. colors.Pixels.OrderByDescending(color => color.Key == 0).ThenByDescending(color => color.Value).ThenBy(color => color.Key).Select(color => color.Key)];
        if (colors.OtherPixels > 0 || found.Length > MostClassColors)
        {
            throw new UserInputException(
                $"{root}: the masks hold {(colors.OtherPixels > 0 ? $"more than {MaskColors.Most}" : found.Length.ToString(CultureInfo.InvariantCulture))} colours, too many for classes: JPEG compression or smooth resizing makes such ones, and the original masks are better. "
                + $"If a few of them are the classes, name those in {DatasetDescription.PathIn(root)} with \"classes\" and \"palette\"; check-data --convert-masks FOLDER --unknown void then writes masks of class numbers. The most frequent are {string.Join(", ", found.Take(8).Select(MaskColors.Text))}.");
        }

        string share = string.Join(", ", found.Take(12).Select(color => string.Create(CultureInfo.InvariantCulture, $"{MaskColors.Text(color)} {100.0 * colors.Pixels[color] / colors.AllPixels:0.##} %")));
        return new MaskSurvey
        {
            NamesAreMadeUp = true,
            HoldsColors = true,
            Finding = string.Create(CultureInfo.InvariantCulture, $"The masks hold {found.Length} colour{(found.Length == 1 ? "" : "s")}: {share}{(found.Length > 12 ? ", …" : "")}."),
            Classes = [.. found.Select(ColorName.Of)],
            Palette = new Palette([.. found.Select(color => ((byte)(color >> 16), (byte)(color >> 8), (byte)color))]),
        };
    }

    private static Found? Read(string path)
    {
        try
        {
            (IndexMask? indices, Palette? palette, RgbImage shown) = MaskFile.ReadBoth(path);
            return new Found(indices is null ? null : SampleReader.Histogram(indices), palette, MaskColors.Of(shown));
        }
        catch (UserInputException)
        {
            return null;
        }
    }

    private sealed record Found(long[]? Labels, Palette? Colors, MaskColors Shown);
}
