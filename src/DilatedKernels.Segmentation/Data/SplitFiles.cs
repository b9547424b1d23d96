namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Finds the files of one kind that belong to the samples of a split, by their names without extension. The letter case of extensions never
/// counts. That of names counts only where two samples or two files differ in nothing else, so that a dataset written on a system that
/// ignores case is read everywhere.
/// </summary>
internal sealed class SplitFiles
{
    public static readonly IReadOnlyList<string> ImageExtensions = [".jpg", ".jpeg", ".png"];
    public static readonly IReadOnlyList<string> MaskExtensions = [".png"];

    private readonly string _root;
    private readonly IReadOnlyList<string> _extensions;
    private readonly HashSet<string> _ambiguous;
    private readonly Dictionary<string, ILookup<string, string>> _folders = new(StringComparer.Ordinal);

    /// <summary>Prepares a search; folders are listed when they are first needed.</summary>
    /// <param name="root">The folder that the names are relative to.</param>
    /// <param name="extensions">The extensions in lower case, the preferred one first.</param>
    /// <param name="names">The names of all samples.</param>
    public SplitFiles(string root, IReadOnlyList<string> extensions, IEnumerable<string> names)
    {
        (_root, _extensions) = (root, extensions);
        IEnumerable<IGrouping<string, string>> alike = names.Distinct(StringComparer.Ordinal).GroupBy(name => name, StringComparer.OrdinalIgnoreCase);
        _ambiguous = alike.Where(group => group.Count() > 1).SelectMany(group => group).ToHashSet(StringComparer.Ordinal);
    }

    public static bool Has(string file, IReadOnlyList<string> extensions) => extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase);

    /// <summary>Warns of a folder's files that have none of the extensions; hidden files are nobody's mistake.</summary>
    public static IEnumerable<DatasetProblem> Skipped(string folder, IReadOnlyList<string> extensions, string rule)
        => Directory.EnumerateFiles(folder)
            .Where(file => !Path.GetFileName(file).StartsWith('.') && !Has(file, extensions))
            .Order(StringComparer.Ordinal)
            .Select(file => new DatasetProblem(file, $"the file is not read; {rule}"));

    /// <summary>The file of a sample, or null if there is none or only names in another letter case that fit no better than each other.</summary>
    /// <param name="name">The name, with folders between slashes where the layout allows it.</param>
    public string? Find(string name)
    {
        string stem = Path.GetFileName(name);
        string[] candidates = [.. Folder(Path.GetDirectoryName(Path.Combine(_root, name))!)[stem]];
        string[] exact = [.. candidates.Where(file => Path.GetFileNameWithoutExtension(file) == stem)];
        if (exact.Length > 0 || _ambiguous.Contains(name))
        {
            return exact.MinBy(Preference);
        }

        bool oneName = candidates.Select(file => Path.GetFileNameWithoutExtension(file)).Distinct(StringComparer.Ordinal).Count() == 1;
        return oneName ? candidates.MinBy(Preference) : null;
    }

    private ILookup<string, string> Folder(string folder)
    {
        if (!_folders.TryGetValue(folder, out ILookup<string, string>? files))
        {
            IEnumerable<string> all = Directory.Exists(folder) ? Directory.EnumerateFiles(folder) : [];
            files = all.Where(file => Has(file, _extensions)).Order(StringComparer.Ordinal)
                .ToLookup(file => Path.GetFileNameWithoutExtension(file), StringComparer.OrdinalIgnoreCase);
            _folders.Add(folder, files);
        }

        return files;
    }

    /// <summary>The usual lower-case extensions come before all others.</summary>
    private int Preference(string file)
    {
        int position = _extensions.ToList().IndexOf(Path.GetExtension(file));
        return position < 0 ? _extensions.Count : position;
    }
}
