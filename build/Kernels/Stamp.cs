using System.Security.Cryptography;
using System.Text;

namespace DilatedKernels.Build.Kernels;

/// <summary>
/// What an output was made from, kept beside it: which tool with which options, and which files with which content. By content, so that
/// a checkout or a copy, which gives every file a new time, compiles nothing again.
/// </summary>
internal sealed record Stamp(string Tool, string Hash, string[] Files)
{
    /// <summary>The stamp of an output made from these files of the tree, whose root by default is the current directory.</summary>
    public static Stamp Of(string tool, IEnumerable<string> files, string root = "")
    {
        string[] sorted = [.. files.Distinct().Order(StringComparer.Ordinal)];
        return new Stamp(tool, HashOf(sorted, root), sorted);
    }

    /// <summary>Reads a stamp; null where there is none, so that the output counts as not made.</summary>
    public static Stamp? Read(string path) => File.Exists(path) && File.ReadAllLines(path) is [string tool, string hash, .. string[] files] ? new Stamp(tool, hash, files) : null;

    public void Write(string path) => File.WriteAllLines(path, [Tool, Hash, .. Files]);

    /// <summary>Whether the files are as they were.</summary>
    public bool SourcesUnchanged(string root = "") => Files.All(file => File.Exists(Path.Combine(root, file))) && HashOf(Files, root) == Hash;

    /// <summary>The files of the tree in a dependency file that the compiler wrote (-MMD).</summary>
    public static IEnumerable<string> ReadDependencies(string path)
    {
        string root = Environment.CurrentDirectory + Path.DirectorySeparatorChar;
        string text = File.ReadAllText(path).ReplaceLineEndings("\n").Replace("\\\n", " ", StringComparison.Ordinal);
        int colon = text.IndexOf(": ", StringComparison.Ordinal);
        return text[(colon + 1)..].Replace("\\ ", "\0", StringComparison.Ordinal).Split((char[])[' ', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries)
            .Select(name => Path.GetFullPath(name.Replace('\0', ' '))).Where(name => name.StartsWith(root, StringComparison.Ordinal))
            .Select(name => name[root.Length..].Replace('\\', '/'));
    }

    private static string HashOf(IEnumerable<string> files, string root)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in files)
        {
            byte[] content = File.ReadAllBytes(Path.Combine(root, file));
            hash.AppendData(Encoding.UTF8.GetBytes($"{file}\0{content.Length}\0"));
            hash.AppendData(content);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
