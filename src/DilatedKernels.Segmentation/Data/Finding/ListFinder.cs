using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>Looks for text files such as <c>train.txt</c> that name the images of splits.</summary>
internal static class ListFinder
{
    private const int LinesLooked = 20;
    private const int MostFiles = 1000;

    /// <summary>The lists of the images of a pattern; null if there are none.</summary>
    public static (string Lists, IReadOnlyDictionary<string, string> Splits)? Find(string root, string images)
    {
        HashSet<string> names = [.. new FilePattern(images, SplitFiles.ImageExtensions).Files(root).Select(file => file.Name)];
        var lists = FilePattern.All(root).Where(file => Path.GetExtension(file) is ".txt" or ".lst" or ".csv").Order(StringComparer.Ordinal).Take(MostFiles)
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Select(file => (File: file, Word: SplitWords.In(Path.GetFileName(file))))
            .Where(file => file.Word is not null && IsList(Path.Combine(root, file.File), names))
            .GroupBy(file => SplitWords.Replace(file.File, file.Word!), file => file.Word!)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal)
            .FirstOrDefault();
        return lists is null ? null : (lists.Key, SplitWords.Named(lists));
    }

    private static bool IsList(string path, HashSet<string> names)
    {
        if (FileSize.Of(path) == 0)
        {
            return false;
        }

        string[] lines = [.. File.ReadLines(path).Where(line => !string.IsNullOrWhiteSpace(line)).Take(LinesLooked)];
        return lines.Length > 0 && 2 * lines.Count(line => SplitList.NameIn(line, names.Contains) is not null) > lines.Length;
    }
}
