using System.Globalization;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>Looks for images and masks with matching names in a folder that has none of the known layouts.</summary>
internal static class LayoutFinder
{
    private const int SampledNames = 30;
    private const int MostFolders = 300;
    private const int ShownFolders = 8;

    private static readonly string[] s_imageWords = ["image", "img", "photo", "jpeg", "rgb", "picture"];
    private static readonly string[] s_maskWords = ["mask", "label", "anno", "gt", "truth", "seg", "target"];

    /// <summary>What fits, the best first.</summary>
    public static IReadOnlyList<FoundLayout> Find(string root)
    {
        FolderFiles[] folders = [.. FolderFiles.Below(root).Take(MostFolders)];
        IEnumerable<Pairing> pairings = Joined([.. folders.SelectMany(_ => folders.Where(folder => folder.Pngs.Count > 0), Pair).SelectMany(pairing => pairing)]);
        return
        [
            .. pairings.GroupBy(Template)
                .Select(group => Layout(root, group.Key.Images, group.Key.Masks, [.. group]))
                .OrderByDescending(found => found.PairCount).ThenByDescending(found => Has(s_maskWords, found.Masks)).ThenByDescending(found => Has(s_imageWords, found.Images)).ThenBy(found => found.Images.Length + found.Masks.Length)
                .ThenBy(found => found.Images + found.Masks, StringComparer.Ordinal),
        ];
    }

    /// <summary>What is there, for where nothing fits: the folders with images.</summary>
    public static string Describe(string root)
    {
        IReadOnlyList<FolderFiles> folders = FolderFiles.Below(root);
        IEnumerable<string> shown = folders.Take(ShownFolders).Select(folder => string.Create(
            CultureInfo.InvariantCulture, $"{(folder.Path.Length == 0 ? "." : folder.Path)}/ ({folder.Jpegs.Count} JPEG, {folder.Pngs.Count} PNG)"));
        return folders.Count == 0 ? "It holds no PNG or JPEG files." : $"It holds images in {string.Join(", ", shown)}{(folders.Count > ShownFolders ? ", …" : "")}, but no PNG masks whose names fit those of images.";
    }

    // For each naming of masks the naming of images with the most pairs.
    private static IEnumerable<Pairing> Pair(FolderFiles images, FolderFiles masks)
    {
        bool together = ReferenceEquals(images, masks);
        List<Pairing> found = [];
        foreach (Affixes mask in Affixes.Of(masks.Pngs))
        {
            string[] own = !together ? [.. images.Jpegs, .. images.Pngs] : images.Jpegs.Count > 0 ? [.. images.Jpegs] : [.. images.Pngs.Where(stem => mask.Strip(stem) is null)];
            HashSet<string> keys = [.. masks.Pngs.Select(mask.Strip).OfType<string>()];
            // In one folder the extension tells images from masks, unless the names do.
            bool byExtension = together && images.Jpegs.Count > 0;
            IEnumerable<Pairing> pairings = Affixes.Of(own)
                .Where(image => own.Take(SampledNames).Any(stem => image.Strip(stem) is { } key && keys.Contains(key)))
                .Select(image => new Pairing(images.Path, masks.Path, image, mask, byExtension ? images.JpegExtension : "", byExtension ? ".png" : "")
                {
                    ImageCount = own.Length,
                    Pairs = own.Select(image.Strip).OfType<string>().Distinct(StringComparer.Ordinal).Count(keys.Contains),
                })
                .Where(pairing => 2 * pairing.Pairs >= Math.Min(own.Length, keys.Count));
            Pairing? best = pairings.OrderByDescending(pairing => pairing.Pairs).ThenBy(pairing => pairing.Fixed).FirstOrDefault();
            if (best is not null && masks.AreMasks(mask) && (byExtension || !LookLikeMasks(images, best)))
            {
                found.Add(best);
            }
        }

        return found.Where(one => !found.Exists(one.IsCoveredBy));
    }

    // Drawn images may have few colours, too: then the names decide which are the masks.
    private static bool LookLikeMasks(FolderFiles images, Pairing pairing) =>
        images.Jpegs.Count == 0 && images.AreMasks(pairing.Image) && (Has(s_maskWords, pairing.ImagePattern) || !Has(s_maskWords, pairing.MaskPattern));

    private static bool Has(string[] words, string text) => words.Any(word => text.Contains(word, StringComparison.OrdinalIgnoreCase));

    // Folders of one name below both, such as one a city, are parts of one set, where there are several in all splits together.
    private static IEnumerable<Pairing> Joined(IReadOnlyList<Pairing> pairings)
    {
        ILookup<(string, string), Pairing> sets = pairings.ToLookup(pairing => Template(pairing.WithoutCommonFolder()));
        return pairings.Select(pairing => sets[Template(pairing.WithoutCommonFolder())].Skip(1).Any() ? pairing.WithoutCommonFolder() : pairing)
            .GroupBy(pairing => pairing with { ImageCount = 0, Pairs = 0 })
            .Select(group => group.Key with { ImageCount = group.Sum(one => one.ImageCount), Pairs = group.Sum(one => one.Pairs) });
    }

    private static (string Images, string Masks) Template(Pairing pairing)
    {
        string? word = Word(pairing);
        return word is null ? (pairing.ImagePattern, pairing.MaskPattern) : (SplitWords.Replace(pairing.ImagePattern, word), SplitWords.Replace(pairing.MaskPattern, word));
    }

    private static string? Word(Pairing pairing) => SplitWords.In(pairing.ImagePattern) is { } word && word == SplitWords.In(pairing.MaskPattern) ? word : null;

    private static FoundLayout Layout(string root, string images, string masks, IReadOnlyList<Pairing> pairings)
    {
        (int all, int pairs) = (pairings.Sum(pairing => pairing.ImageCount), pairings.Sum(pairing => pairing.Pairs));
        if (images.Contains(FilePattern.Split, StringComparison.Ordinal))
        {
            return new FoundLayout(images, masks, SplitWords.Named(pairings.Select(pairing => Word(pairing)!)), null, all, pairs);
        }

        (string Lists, IReadOnlyDictionary<string, string> Splits)? lists = ListFinder.Find(root, images);
        return new FoundLayout(images, masks, lists?.Splits, lists?.Lists, all, pairs);
    }
}
