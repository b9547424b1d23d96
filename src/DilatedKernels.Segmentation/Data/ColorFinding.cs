using System.Globalization;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Says of masks that hold colours which ones, whose palette they probably are, and what turns them into class numbers.</summary>
internal static class ColorFinding
{
    private const int ShownColors = 12;

    /// <summary>The finding for the masks of some folders; null if none holds colours.</summary>
    /// <param name="folder">The dataset.</param>
    /// <param name="places">The folders of the masks.</param>
    /// <param name="files">The masks, each with its colours if it holds those.</param>
    public static DatasetProblem? Of(DatasetFolder folder, IEnumerable<string> places, IReadOnlyDictionary<string, MaskColors?> files)
    {
        MaskColors colors = new();
        foreach (MaskColors found in files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => file.Value).OfType<MaskColors>())
        {
            colors.Add(found);
        }

        return colors.Masks == 0 ? null : new DatasetProblem(string.Join(", ", places), Describe(folder, files.Count, colors));
    }

    private static string Describe(DatasetFolder folder, int masks, MaskColors colors)
    {
        string which = masks == 1 ? "the mask holds" : colors.Masks == masks ? $"all {masks} masks hold" : $"{colors.Masks} of {masks} masks hold";
        string count = colors.OtherPixels > 0 ? $"more than {MaskColors.Most} colours occur" : colors.Pixels.Count == 1 ? "1 colour occurs" : $"{colors.Pixels.Count} colours occur";
        IEnumerable<KeyValuePair<int, long>> most = colors.Pixels.OrderByDescending(color => color.Value).ThenBy(color => color.Key).Take(ShownColors);
        string list = string.Join(", ", most.Select(color => $"{MaskColors.Text(color.Key)} {Share(color.Value, colors)}"));
        string more = colors.Pixels.Count > ShownColors ? ", …" : "";
        return $"{which} colours, not class numbers; {count}: {list}{more}. {Advice(folder, colors)}";
    }

    private static string Advice(DatasetFolder folder, MaskColors colors)
    {
        string description = DatasetDescription.PathIn(folder.Root);
        ColorCode? own;
        try
        {
            own = ColorCode.Own(folder);
        }
        catch (UserInputException e)
        {
            return e.Message;
        }

        if (own is not null && Fits(own, colors))
        {
            return Next(folder, colors, own, null);
        }

        (string Name, ColorCode Code)[] fitting = [.. ColorCode.Names.Select(name => (name, ColorCode.Known(name))).Where(known => Fits(known.Item2, colors))];
        if (fitting.Length == 0)
        {
            return (own is null ? "They are of no palette that is known here." : $"Most of them are not in {own.Title}, nor of another palette that is known here.")
                + $" Give each class its colour in the \"palette\" of {description}, in the order of its classes, then: {Command(folder)}{Smooth(colors)}";
        }

        // A palette whose classes are the dataset's can be used as it is.
        (string name, ColorCode code) = fitting.MaxBy(known => (Covered(known.Code, colors), ColorCode.WithoutColor(known.Name, folder.Classes).Count == 0));
        IReadOnlyList<string> missing = ColorCode.WithoutColor(name, folder.Classes);
        return missing.Count == 0
            ? Next(folder, colors, ColorCode.Known(name, folder), name)
            : $"They are probably those of {code.Title}, which has no class {string.Join(", ", missing.Select(m => $"\"{m}\""))}. "
                + $"Give each class its colour in the \"palette\" of {description}, in the order of its classes, then: {Command(folder)}{Smooth(colors)}";
    }

    private static string Next(DatasetFolder folder, MaskColors colors, ColorCode code, string? palette)
    {
        string command = Command(folder) + (palette is null ? "" : $" --palette {palette}");
        int[] unknown = [.. colors.Pixels.Where(color => !code.TryGetLabel(color.Key, out _)).OrderByDescending(color => color.Value).ThenBy(color => color.Key).Select(color => color.Key)];
        if (unknown.Length == 0 && colors.OtherPixels == 0)
        {
            return $"{(colors.Pixels.Count == 1 ? "It is" : "All are")} in {code.Title}{(palette is null ? "" : ", which it probably is")}. Masks of class numbers are written by: {command}";
        }

        long pixels = unknown.Sum(color => colors.Pixels[color]) + colors.OtherPixels;
        string first = string.Join(", ", unknown.Take(ShownColors).Select(MaskColors.Text));
        string more = unknown.Length > ShownColors || colors.OtherPixels > 0 ? ", …" : "";
        return $"Most are in {code.Title}{(palette is null ? "" : ", which it probably is")}, but not {first}{more} ({Share(pixels, colors)} of the pixels). "
            + $"If those pixels belong to no class, masks of class numbers are written by: {command} --unknown void{Smooth(colors)}";
    }

    private static string Smooth(MaskColors colors) => colors.OtherPixels == 0 ? "" : " (So many colours come from JPEG compression or smooth resizing; the original masks are better.)";

    public static bool Fits(ColorCode code, MaskColors colors)
        => 2 * Covered(code, colors) >= colors.AllPixels && 2 * colors.Pixels.Keys.Count(color => code.TryGetLabel(color, out _)) >= Math.Min(colors.Pixels.Count, code.Colors);

    private static long Covered(ColorCode code, MaskColors colors) => colors.Pixels.Where(color => code.TryGetLabel(color.Key, out _)).Sum(color => color.Value);

    private static string Command(DatasetFolder folder)
    {
        string root = Path.TrimEndingDirectorySeparator(folder.Root);
        string target = root is "." or ".." ? "indexed" : root + "-indexed";
        return Suggestion.Of("check-data", root, "--convert-masks", target);
    }

    private static string Share(long pixels, MaskColors colors) => string.Create(CultureInfo.InvariantCulture, $"{100.0 * pixels / colors.AllPixels:0.##} %");
}
