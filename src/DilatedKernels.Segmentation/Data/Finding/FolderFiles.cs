using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>A folder below a dataset's with its images, and what can be said of them from a few.</summary>
internal sealed class FolderFiles
{
    private const int Looked = 3;
    private const int FewColors = 64;

    private readonly string _full;
    private readonly Dictionary<string, string> _pngFiles = new(StringComparer.Ordinal);
    private readonly Dictionary<Affixes, bool> _areMasks = [];

    private FolderFiles(string path, string full, IEnumerable<string> files)
    {
        (Path, _full) = (path, full);
        List<string> jpegs = [];
        foreach (string file in files)
        {
            string stem = System.IO.Path.GetFileNameWithoutExtension(file);
            if (SplitFiles.Has(file, SplitFiles.MaskExtensions))
            {
                _pngFiles.TryAdd(stem, file);
            }
            else
            {
                jpegs.Add(stem);
                JpegExtension = System.IO.Path.GetExtension(file).ToLowerInvariant();
            }
        }

        (Jpegs, Pngs) = (jpegs, [.. _pngFiles.Keys]);
    }

    /// <summary>The folder relative to the dataset's, with / between; empty for that itself.</summary>
    public string Path { get; }

    /// <summary>The names of its PNG files, without extension, in their order.</summary>
    public IReadOnlyList<string> Pngs { get; }

    /// <summary>The names of its JPEG files, without extension, in their order.</summary>
    public IReadOnlyList<string> Jpegs { get; }

    /// <summary>The extension of the JPEG files.</summary>
    public string JpegExtension { get; } = ".jpg";

    /// <summary>The folders below a dataset's that have images, hidden ones left out.</summary>
    public static IReadOnlyList<FolderFiles> Below(string root) =>
    [
        .. FilePattern.All(root).Where(file => SplitFiles.Has(file, SplitFiles.ImageExtensions))
            .GroupBy(file => System.IO.Path.GetDirectoryName(file)!, StringComparer.Ordinal)
            .OrderBy(folder => folder.Key, StringComparer.Ordinal)
            .Select(folder => new FolderFiles(Relative(root, folder.Key), folder.Key, folder.Order(StringComparer.Ordinal))),
    ];

    /// <summary>Whether the PNG files of some names look like masks: numbers of classes, or few colours.</summary>
    public bool AreMasks(Affixes affixes)
    {
        if (!_areMasks.TryGetValue(affixes, out bool masks))
        {
            string[] some = [.. Pngs.Where(stem => affixes.Strip(stem) is not null).Take(Looked)];
            masks = some.Length > 0 && some.All(stem => IsMask(_pngFiles[stem]));
            _areMasks.Add(affixes, masks);
        }

        return masks;
    }

    private static bool IsMask(string path)
    {
        try
        {
            (IndexMask? indices, RgbImage? colors) = MaskFile.ReadIndicesOrColors(path);
            MaskColors? found = colors is null ? null : MaskColors.Of(colors);
            // A grey photograph has more greys than there are classes.
            return found is null ? SampleReader.Histogram(indices!).Count(pixels => pixels > 0) <= FewColors : found.OtherPixels == 0 && found.Pixels.Count <= FewColors;
        }
        catch (UserInputException)
        {
            return false;
        }
    }

    private static string Relative(string root, string folder)
    {
        string relative = System.IO.Path.GetRelativePath(root, folder).Replace('\\', '/');
        return relative == "." ? "" : relative;
    }
}
