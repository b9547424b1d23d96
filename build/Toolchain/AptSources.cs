namespace DilatedKernels.Build.Toolchain;

/// <summary>One archive that apt is told to use.</summary>
/// <param name="Uri">Where it is.</param>
/// <param name="Suites">The releases taken from it, such as bookworm and bookworm-updates.</param>
/// <param name="SignedBy">The key that signs it (a path, or the key itself), or null for apt's own list of keys.</param>
internal sealed record AptSource(string Uri, string[] Suites, string? SignedBy);

/// <summary>Reads apt's sources in both of their formats, <see href="https://manpages.debian.org/sources.list">sources.list(5)</see>.</summary>
internal static class AptSources
{
    /// <summary>Reads every source of a machine: etc/sources.list and the files of etc/sources.list.d.</summary>
    public static AptSource[] ReadMachine(string etc = "/etc/apt")
    {
        string parts = Path.Combine(etc, "sources.list.d");
        IEnumerable<string> files = Directory.Exists(parts) ? Directory.EnumerateFiles(parts).Order(StringComparer.Ordinal) : [];
        return
        [
            .. files.Prepend(Path.Combine(etc, "sources.list")).Where(File.Exists).SelectMany(file => Path.GetExtension(file) switch
            {
                ".list" => ParseList(File.ReadAllText(file)),
                ".sources" => ParseStanzas(File.ReadAllText(file)),
                _ => [],
            }),
        ];
    }

    /// <summary>One source a line: <c>deb [option=value ...] URI suite component ...</c></summary>
    public static IEnumerable<AptSource> ParseList(string text)
    {
        foreach (string line in text.Split('\n'))
        {
            string entry = line.Split('#')[0].Trim();
            string options = "";
            int open = entry.IndexOf('[', StringComparison.Ordinal);
            int close = entry.IndexOf(']', StringComparison.Ordinal);
            if (open >= 0 && close > open)
            {
                options = entry[(open + 1)..close];
                entry = entry[..open] + entry[(close + 1)..];
            }

            string[] words = Words(entry);
            if (words.Length >= 3 && words[0] == "deb")
            {
                string? signedBy = Words(options).Where(o => o.StartsWith("signed-by=", StringComparison.Ordinal)).Select(o => o["signed-by=".Length..]).FirstOrDefault();
                yield return new AptSource(words[1], [words[2]], signedBy);
            }
        }
    }

    /// <summary>One source a paragraph of <c>Field: value</c> lines; a line that starts with a space continues the field before it.</summary>
    public static IEnumerable<AptSource> ParseStanzas(string text)
    {
        var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string last = "";
        foreach (string line in text.ReplaceLineEndings("\n").Split('\n').Append(""))
        {
            if (line.StartsWith('#'))
            {
                continue;
            }

            if (line.Trim().Length == 0)
            {
                foreach (AptSource source in FromFields(fields))
                {
                    yield return source;
                }

                fields.Clear();
            }
            else if (char.IsWhiteSpace(line[0]))
            {
                fields[last] = fields.GetValueOrDefault(last, "") + "\n" + line;
            }
            else if (line.Split(':', 2) is [string name, string value])
            {
                last = name.Trim();
                fields[last] = value.Trim();
            }
        }
    }

    /// <summary>The main archive of Debian on this machine: the first that carries a whole release, not only its updates.</summary>
    public static AptSource? DebianArchive(IEnumerable<AptSource> sources, string codename)
    {
        string[] releases = [codename, "trixie", "stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"];
        return sources.FirstOrDefault(s => !s.Uri.StartsWith("cdrom:", StringComparison.Ordinal) && s.Suites.Intersect(releases).Any());
    }

    private static IEnumerable<AptSource> FromFields(Dictionary<string, string> fields)
    {
        bool enabled = fields.GetValueOrDefault("Enabled", "yes").ToUpperInvariant() is not ("NO" or "FALSE" or "0");
        if (!enabled || !Words(fields.GetValueOrDefault("Types", "")).Contains("deb"))
        {
            yield break;
        }

        foreach (string uri in Words(fields.GetValueOrDefault("URIs", "")))
        {
            yield return new AptSource(uri, Words(fields.GetValueOrDefault("Suites", "")), fields.GetValueOrDefault("Signed-By"));
        }
    }

    private static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}
