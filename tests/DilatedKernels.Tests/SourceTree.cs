using System.Runtime.CompilerServices;

namespace DilatedKernels.Tests;

/// <summary>The tree that the tests were built from; a bundle runs them without it.</summary>
internal static class SourceTree
{
    private static readonly Lazy<string?> Found = new(() => FindUpwards(AppContext.BaseDirectory) ?? FindUpwards(Path.GetDirectoryName(ThisFile())));

    /// <summary>Its root, or null where it is not here.</summary>
    public static string? Root => Found.Value;

    private static string? FindUpwards(string? folder)
    {
        while (folder is not null && !File.Exists(Path.Combine(folder, "kernels", "host", "dilated_host.h")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder;
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
