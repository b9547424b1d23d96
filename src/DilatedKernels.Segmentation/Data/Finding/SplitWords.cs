using System.Text.RegularExpressions;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>Names that splits usually have.</summary>
internal static partial class SplitWords
{
    /// <summary>The first such name in a path; null if there is none.</summary>
    public static string? In(string path) => Words().Match(path) is { Success: true } match ? match.Value : null;

    /// <summary>The path with <c>{split}</c> in the place of a name.</summary>
    public static string Replace(string path, string word) => Words().Replace(path, match => match.Value == word ? FilePattern.Split : match.Value);

    /// <summary>The split that a name means: train, val or test.</summary>
    public static string Meaning(string word) => char.ToLowerInvariant(word[0]) switch
    {
        'v' or 'd' => DescribedLayout.Validation,
        _ => word.Contains('r', StringComparison.OrdinalIgnoreCase) ? DescribedLayout.Training : "test",
    };

    /// <summary>The splits of some names, by what they mean; names that mean the same keep their own.</summary>
    public static IReadOnlyDictionary<string, string> Named(IEnumerable<string> words)
    {
        string[] all = [.. words.Distinct(StringComparer.Ordinal)];
        return all.ToDictionary(word => all.Count(other => Meaning(other) == Meaning(word)) == 1 ? Meaning(word) : word, word => word);
    }

    [GeneratedRegex("(?<![A-Za-z])(training|train|validation|valid|val|dev|testing|test)(?![A-Za-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Words();
}
