namespace DilatedKernels.Cli;

/// <summary>How the program was called, so that the commands it suggests can be copied.</summary>
internal static class ProgramName
{
    private const string Installed = "dilated";

    /// <summary>The name alone where it is on the path; else the way to the program.</summary>
    public static string Of(string? process, string assembly, string? folder, string? path)
    {
        if (process is null)
        {
            return Installed;
        }

        if (Path.GetFileNameWithoutExtension(process) == "dotnet")
        {
            return $"dotnet {Segmentation.Suggestion.Quoted(Short(assembly, folder))}";
        }

        bool isOnPath = (path ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(entry => Path.GetFullPath(entry, folder ?? Path.GetPathRoot(process)!) == Path.GetDirectoryName(process));
        return isOnPath ? Path.GetFileNameWithoutExtension(process) : Segmentation.Suggestion.Quoted(Short(process, folder));
    }

    private static string Short(string file, string? folder)
    {
        if (folder is null)
        {
            return file;
        }

        string relative = Path.GetRelativePath(folder, file);
        return relative.StartsWith("..", StringComparison.Ordinal) || Path.IsPathRooted(relative) ? file
            : relative.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal) ? relative : Path.Combine(".", relative);
    }
}
