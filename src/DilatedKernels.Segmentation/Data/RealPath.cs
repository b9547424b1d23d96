namespace DilatedKernels.Segmentation.Data;

/// <summary>Where files really are.</summary>
internal static class RealPath
{
    private const int MostLinks = 40;

    /// <summary>Whether something between a folder and a path below it is a link.</summary>
    public static bool IsLinked(string folder, string path)
    {
        for (string? part = path; part is not null && part.Length > folder.Length; part = Path.GetDirectoryName(part))
        {
            if (new FileInfo(part).LinkTarget is not null)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The path with every link in it followed.</summary>
    /// <exception cref="IOException">The links go round in a circle.</exception>
    public static string Of(string path)
    {
        string full = Path.GetFullPath(path);
        for (int links = 0; links < MostLinks; links++)
        {
            if (FirstLink(full) is not (string link, string target))
            {
                return full;
            }

            full = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(link)!, target)) + full[link.Length..];
        }

        throw new IOException($"{path}: more than {MostLinks} links lead on from here.");
    }

    /// <summary>Whether a path is a folder or below it, both without links.</summary>
    public static bool IsWithin(string folder, string path) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static (string Link, string Target)? FirstLink(string full)
    {
        for (int end = full.IndexOf(Path.DirectorySeparatorChar, Path.GetPathRoot(full)!.Length); ; end = full.IndexOf(Path.DirectorySeparatorChar, end + 1))
        {
            string part = end < 0 ? full : full[..end];
            if (new FileInfo(part).LinkTarget is { } target)
            {
                return (part, target);
            }

            if (end < 0)
            {
                return null;
            }
        }
    }
}
