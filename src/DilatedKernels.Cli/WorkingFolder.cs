namespace DilatedKernels.Cli;

/// <summary>The folder that the command was started in.</summary>
internal static class WorkingFolder
{
    /// <summary>Its path; null where it has been deleted since a shell went there.</summary>
    public static string? Find()
    {
        try
        {
            return Environment.CurrentDirectory;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>A path as it is from there where that is inside it, else as it was.</summary>
    public static string Short(string path)
    {
        if (Find() is not { } folder)
        {
            return path;
        }

        string relative = Path.GetRelativePath(folder, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
