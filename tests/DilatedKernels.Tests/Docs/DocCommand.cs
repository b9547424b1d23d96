using System.Text;

namespace DilatedKernels.Tests.Docs;

/// <summary>One line of a page's <c>sh</c> block.</summary>
/// <param name="Page">The page.</param>
/// <param name="Line">Its line there.</param>
/// <param name="Text">The command as it is shown, without its comment.</param>
/// <param name="Words">Its words, quotes taken away.</param>
/// <param name="Output">The file after <c>&gt;</c>, or null.</param>
internal sealed record DocCommand(string Page, int Line, string Text, string[] Words, string? Output)
{
    public override string ToString() => $"{Page}, line {Line}: {Text}";

    /// <summary>The commands of all <c>sh</c> blocks of a page, in order.</summary>
    public static IReadOnlyList<DocCommand> Of(string page) =>
    [
        .. from block in DocPages.Blocks(page)
           where block.Language == "sh"
           from i in Enumerable.Range(0, block.Lines.Count)
           where block.Lines[i].Length > 0
           select Parse(page, block.Line + i, block.Lines[i]),
    ];

    private static DocCommand Parse(string page, int line, string text)
    {
        int comment = text.IndexOf(" #", StringComparison.Ordinal);
        string command = (comment < 0 ? text : text[..comment]).Trim();
        List<string> words = Split(command);
        string? output = null;
        if (words.Count > 2 && words[^2] == ">")
        {
            output = words[^1];
            words.RemoveRange(words.Count - 2, 2);
        }

        return new DocCommand(page, line, command, [.. words], output);
    }

    private static List<string> Split(string command)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        bool quoted = false;
        foreach (char c in command + " ")
        {
            if (c == '"')
            {
                quoted = !quoted;
            }
            else if (c != ' ' || quoted)
            {
                word.Append(c);
            }
            else if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }

        return words;
    }
}
