using System.Text;

namespace DilatedKernels.Cli.Output;

/// <summary>Where a stream of text ends: on a terminal, which has a width, or in a file or another program; and which characters can be read there.</summary>
internal sealed record Screen
{
    /// <summary>Columns where nobody says how many there are.</summary>
    public const int StandardWidth = 80;

    private const int LeastWidth = 40;
    private const int LeastProse = 60;
    private const int MostProse = 100;

    // What texts of ours have beyond ASCII, and how it is written without.
    private static readonly Dictionary<char, string> s_replacements = new()
    {
        { '×', "x" }, { '·', "*" }, { '±', "+/-" }, { '−', "-" }, { '–', "-" }, { '…', "..." }, { '→', "->" }, { '≥', ">=" }, { '≤', "<=" }, { '²', "^2" }, { '³', "^3" },
    };

    private readonly Func<int> _columns;

    private Screen(Func<int> columns) => _columns = columns;

    /// <summary>A file, or another program's input, in UTF-8.</summary>
    public static Screen Elsewhere { get; } = new(() => StandardWidth);

    /// <summary>Whether somebody sees the text as it is written.</summary>
    public bool IsTerminal { get; private init; }

    /// <summary>Whether a line can be written over: a terminal that knows more than ends of lines.</summary>
    public bool Rewrites { get; private init; }

    /// <summary>What the text is encoded in, or what the locale says that those who read it expect.</summary>
    public Encoding Encoding { get; private init; } = Encoding.UTF8;

    /// <summary>Columns, as of now; 80 where nothing says how many.</summary>
    public int Columns
    {
        get
        {
            try
            {
                return _columns() is > 0 and int columns ? columns : StandardWidth;
            }
            catch (IOException)
            {
                return StandardWidth;
            }
        }
    }

    /// <summary>Columns for sentences and tables, which are not made narrower than 40.</summary>
    public int Width => Math.Max(LeastWidth, Columns);

    /// <summary>Columns for help: names of options stay whole on narrow screens, and nobody reads sentences across a wide one.</summary>
    public int ProseWidth => Math.Clamp(Width, LeastProse, MostProse);

    /// <summary>Looks at a stream of this process.</summary>
    /// <param name="isRedirected">Whether it goes to a file or another program.</param>
    /// <param name="encoding">The encoding that it is written in.</param>
    /// <param name="columns">The terminal's columns; may fail, and is 0 for terminals that know no size.</param>
    /// <param name="variable">Reads the environment.</param>
    /// <param name="isWindows">Whether there are no locales and no TERM in it.</param>
    public static Screen Of(bool isRedirected, Encoding encoding, Func<int> columns, Func<string, string?> variable, bool isWindows) =>
        new(isRedirected ? () => int.TryParse(variable("COLUMNS"), out int given) ? given : 0 : columns)
        {
            IsTerminal = !isRedirected,
            Rewrites = !isRedirected && (isWindows || variable("TERM") is not (null or "" or "dumb")),
            Encoding = isWindows || LocaleIsUtf8(variable) ? encoding : encoding is UTF8Encoding ? Encoding.ASCII : encoding,
        };

    /// <summary>
    /// The line over several ones where a terminal would break words. Suggested commands, which are copied, and columns stay as they are.
    /// </summary>
    /// <param name="line">A line.</param>
    /// <param name="program">What suggested commands begin with.</param>
    public string Wrapped(string line, string program)
    {
        int width = Width;
        string text = line.TrimStart(' ');
        if (!IsTerminal || line.Length <= width || text.StartsWith('|') || text.Contains("  ", StringComparison.Ordinal) || line.Contains(program + " ", StringComparison.Ordinal))
        {
            return line;
        }

        int indent = line.Length - text.Length;
        var wrapped = new StringBuilder(line[..indent]);
        int at = indent;
        foreach (string word in text.Split(' '))
        {
            if (at > indent && at + 1 + word.Length > width)
            {
                indent = line.Length - text.Length + 2;
                wrapped.Append('\n').Append(' ', indent);
                at = indent;
            }
            else if (at > indent)
            {
                wrapped.Append(' ');
                at++;
            }

            wrapped.Append(word);
            at += word.Length;
        }

        return wrapped.ToString();
    }

    /// <summary>The text with its dashes, signs and arrows replaced where they could not be read. Other letters stay: they are names.</summary>
    public string Readable(string text)
    {
        if (!text.Any(c => s_replacements.ContainsKey(c) && !Carries(c)))
        {
            return text;
        }

        var readable = new StringBuilder();
        foreach (char c in text)
        {
            _ = s_replacements.TryGetValue(c, out string? replacement) && !Carries(c) ? readable.Append(replacement) : readable.Append(c);
        }

        return readable.ToString();
    }

    private bool Carries(char c) => Encoding.GetString(Encoding.GetBytes([c])) == c.ToString();

    // .NET writes UTF-8 where the locale is C, whose readers expect ASCII.
    private static bool LocaleIsUtf8(Func<string, string?> variable)
    {
        string[] names = ["LC_ALL", "LC_CTYPE", "LANG"];
        string locale = names.Select(variable).FirstOrDefault(value => !string.IsNullOrEmpty(value)) ?? "C";
        return locale.Contains("UTF-8", StringComparison.OrdinalIgnoreCase) || locale.Contains("UTF8", StringComparison.OrdinalIgnoreCase);
    }
}
