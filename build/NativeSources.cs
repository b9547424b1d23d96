using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Build;

/// <summary>What the native executable is compiled from, so that the tests know whether one that lies there is of this tree.</summary>
internal static class NativeSources
{
    /// <summary>The file beside the executable that keeps it.</summary>
    public const string StampFile = "sources.stamp";

    private static readonly string[] Folders = ["src", "bench/DilatedKernels.Measuring", "artifacts/kernels"];
    private static readonly string[] Files = ["bench/shapes.json", "Directory.Build.props", "Directory.Packages.props", "global.json"];

    // The kernels for the processor lie in the same folder and are no part of it.
    private static readonly string[] Endings = [".cs", ".csproj", ".props", ".css", ".js", ".fatbin.br", "index.txt"];

    /// <summary>The sources as they are now.</summary>
    /// <param name="root">The root of the tree, a full path.</param>
    public static Stamp Read(string root)
    {
        IEnumerable<string> found = Folders.Select(folder => Path.Combine(root, folder)).Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            .Where(file => Endings.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)))
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'));
        return Stamp.Of("native executable", found.Concat(Files), root);
    }
}
