namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>What names of files have before and after the part that tells them apart: <c>img_</c> and <c>_L</c>.</summary>
internal readonly record struct Affixes(string Before, string After)
{
    private const int MostOfEach = 4;
    private const string Separators = "_-. ";

    /// <summary>The name without both; null if it has not both, or nothing else.</summary>
    public string? Strip(string stem) => stem.Length > Before.Length + After.Length && stem.StartsWith(Before, StringComparison.Ordinal) && stem.EndsWith(After, StringComparison.Ordinal)
        ? stem[Before.Length..^After.Length]
        : null;

    /// <summary>What many of the names have in common, the empty one first, then by how many have it.</summary>
    public static IReadOnlyList<Affixes> Of(IReadOnlyCollection<string> stems)
    {
        string[] heads = ["", .. Frequent(stems, Heads)];
        string[] tails = ["", .. Frequent(stems, Tails)];
        return [.. heads.SelectMany(_ => tails, (head, tail) => new Affixes(head, tail))];
    }

    private static IEnumerable<string> Frequent(IReadOnlyCollection<string> stems, Func<string, IEnumerable<string>> parts) =>
        stems.SelectMany(parts).CountBy(part => part, StringComparer.Ordinal).Where(part => part.Value > 1 ? 5 * part.Value >= stems.Count : stems.Count == 1)
            .OrderByDescending(part => part.Value).ThenBy(part => part.Key.Length).ThenBy(part => part.Key, StringComparer.Ordinal).Take(MostOfEach).Select(part => part.Key);

    // A number alone tells files apart; what is common to kinds of files has a letter.
    private static IEnumerable<string> Heads(string stem)
    {
        for (int i = 1; i < stem.Length; i++)
        {
            if ((Separators.Contains(stem[i - 1], StringComparison.Ordinal) || (char.IsAsciiDigit(stem[i]) && char.IsLetter(stem[i - 1]))) && stem[..i].Any(char.IsLetter))
            {
                yield return stem[..i];
            }
        }
    }

    private static IEnumerable<string> Tails(string stem)
    {
        for (int i = 1; i < stem.Length; i++)
        {
            if ((Separators.Contains(stem[i], StringComparison.Ordinal) || (char.IsLetter(stem[i]) && char.IsAsciiDigit(stem[i - 1]))) && stem[i..].Any(char.IsLetter))
            {
                yield return stem[i..];
            }
        }
    }
}
