namespace DilatedKernels.Tests;

/// <summary>The tree that the tests were built from, which a bundle for GPU machines does not have.</summary>
internal static class SourceTree
{
    /// <summary>Its root, or null.</summary>
    public static string? Root { get; } = Find();

    private static string? Find()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "DilatedKernels.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder;
    }
}
