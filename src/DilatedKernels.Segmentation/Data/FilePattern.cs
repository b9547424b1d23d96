namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Where the files of one kind lie in a dataset and how their names follow from the samples': <c>labels/{name}_mask</c>, or <c>labels/{name}_mask.png</c> where
/// only one extension counts. A sample's name may contain folders below the pattern's.
/// </summary>
internal sealed class FilePattern
{
    /// <summary>What stands for a sample's name.</summary>
    public const string Name = "{name}";

    /// <summary>What stands for the split's files or folder.</summary>
    public const string Split = "{split}";

    private const int DeepestFolder = 16;

    private readonly string _before;
    private readonly string _after;
    private readonly IReadOnlyList<string> _extensions;

    /// <summary>Reads a pattern in which the split is already filled in.</summary>
    /// <param name="text">The pattern.</param>
    /// <param name="extensions">The extensions that count where it names none, in lower case.</param>
    public FilePattern(string text, IReadOnlyList<string> extensions)
    {
        int slash = text.LastIndexOf('/');
        string file = text[(slash + 1)..];
        string extension = Path.GetExtension(file);
        bool named = SplitFiles.ImageExtensions.Contains(extension, StringComparer.OrdinalIgnoreCase);
        _extensions = named ? [extension.ToLowerInvariant()] : extensions;
        string stem = named ? file[..^extension.Length] : file;
        int at = stem.IndexOf(Name, StringComparison.Ordinal);
        Folder = slash < 0 ? "" : text[..slash];
        (_before, _after) = (stem[..at], stem[(at + Name.Length)..]);
    }

    /// <summary>The folder, relative to the dataset's; empty for the dataset's own.</summary>
    public string Folder { get; }

    /// <summary>How many characters of a file's name the pattern fixes.</summary>
    public int Fixed => _before.Length + _after.Length;

    /// <summary>What is wrong with a pattern from a description; null if nothing is.</summary>
    public static string? Problem(string text)
    {
        string[] parts = text.Split('/');
        if (Path.IsPathRooted(text) || text.Contains('\\', StringComparison.Ordinal) || text.Contains(':', StringComparison.Ordinal) || text.Any(char.IsControl) || parts.Any(part => part is "" or "." or ".."))
        {
            return "is no path within the dataset, with / between folders";
        }

        return parts[^1].Split(Name).Length == 2 && text.Split(Name).Length == 2 ? null : $"must have {Name} once, in the part after the last /";
    }

    /// <summary>The file of a sample, relative to the dataset's folder, in its usual spelling.</summary>
    public string PathFor(string name)
    {
        int slash = name.LastIndexOf('/');
        return $"{(Folder.Length > 0 ? Folder + "/" : "")}{name[..(slash + 1)]}{_before}{name[(slash + 1)..]}{_after}{_extensions[0]}";
    }

    /// <summary>All files of the kind, with the names of their samples, in the order of the names.</summary>
    public IEnumerable<(string Name, string Path)> Files(string root)
    {
        string folder = Path.Combine(root, Folder);
        return All(folder).Select(file => (Name: NameOf(folder, file), Path: file)).Where(file => file.Name is not null).Select(file => (file.Name!, file.Path))
            .OrderBy(file => file.Item1, StringComparer.Ordinal).ThenBy(file => file.Path, StringComparer.Ordinal);
    }

    /// <summary>The name of the sample that a file below <see cref="Folder"/> belongs to; null if it is not of this kind.</summary>
    public string? NameOf(string folder, string file)
    {
        string stem = Path.GetFileNameWithoutExtension(file);
        if (!SplitFiles.Has(file, _extensions) || stem.Length <= Fixed || !stem.StartsWith(_before, StringComparison.Ordinal) || !stem.EndsWith(_after, StringComparison.Ordinal))
        {
            return null;
        }

        string below = Path.GetDirectoryName(Path.GetRelativePath(folder, file))!;
        return (below.Length > 0 ? below.Replace('\\', '/') + "/" : "") + stem[_before.Length..^_after.Length];
    }

    /// <summary>All files below a folder, but hidden ones.</summary>
    public static IEnumerable<string> All(string folder) => !Directory.Exists(folder) ? [] : new DirectoryInfo(folder)
        .EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = DeepestFolder, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.None })
        .Select(file => Path.Combine(folder, Path.GetRelativePath(folder, file.FullName)))
        .Where(file => !Path.GetRelativePath(folder, file).Split(Path.DirectorySeparatorChar).Any(part => part.StartsWith('.')));
}
