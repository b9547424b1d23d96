namespace DilatedKernels.Tests.Docs;

/// <summary>A fenced block of a page.</summary>
/// <param name="Page">The page, from the root of the tree.</param>
/// <param name="Line">The line after the opening fence, from 1.</param>
/// <param name="Language">What follows the opening fence; empty for none.</param>
/// <param name="Lines">The lines between the fences.</param>
internal sealed record DocBlock(string Page, int Line, string Language, IReadOnlyList<string> Lines)
{
    public string Text => string.Join('\n', Lines);
}

/// <summary>The pages that people read.</summary>
internal static class DocPages
{
    private const string Fence = "```";

    /// <summary>Every page, from the root of the tree; none where the tests run without it.</summary>
    public static IReadOnlyList<string> All { get; } = SourceTree.Root is { } root
        ?
        [
            "README.md", "kernels/README.md", "bench/README.md", "samples/README.md",
            .. new[] { "docs", "src/DilatedKernels", "src/DilatedKernels.Segmentation", "src/DilatedKernels.ManagedCuda", "src/DilatedKernels.Cli" }.SelectMany(
                folder => Directory.GetFiles(Path.Combine(root, folder), "*.md").Order(StringComparer.Ordinal).Select(file => $"{folder}/{Path.GetFileName(file)}")),
        ]
        : [];

    public static string Read(string page) => File.ReadAllText(Path.Combine(SourceTree.Root!, page));

    public static IReadOnlyList<DocBlock> Blocks(string page)
    {
        var blocks = new List<DocBlock>();
        string[] lines = Read(page).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith(Fence, StringComparison.Ordinal))
            {
                int end = Array.FindIndex(lines, i + 1, line => line.StartsWith(Fence, StringComparison.Ordinal));
                Assert.That(end, Is.GreaterThan(i), $"{page}, line {i + 1}: the block has no end");
                blocks.Add(new DocBlock(page, i + 2, lines[i][Fence.Length..].Trim(), lines[(i + 1)..end]));
                i = end;
            }
        }

        return blocks;
    }

    /// <summary>The page without its fenced blocks.</summary>
    public static string Prose(string page)
    {
        bool inside = false;
        return string.Join('\n', Read(page).Split('\n').Where(line =>
        {
            bool isFence = line.StartsWith(Fence, StringComparison.Ordinal);
            inside ^= isFence;
            return !inside && !isFence;
        }));
    }
}
