using System.Globalization;
using System.Text;
using DilatedKernels.Distributed;

namespace DilatedKernels.Cli.Output;

/// <summary>
/// Passes text on with its control characters written out, as <c>\u001b</c>: names of files and classes come from anywhere, and a terminal obeys what they say.
/// Ends of lines stay. Long sentences are broken between words where the screen is a terminal, and signs that it could not show are replaced.
/// </summary>
/// <param name="inner">Where the text goes.</param>
/// <param name="screen">What that ends in.</param>
/// <param name="keepsText">Whether all text stays as it is, for a program that reads names.</param>
/// <param name="mayFail">Whether text that cannot be written is let go: a run does not end because the disk under its log is full, and nobody could be told.</param>
internal sealed class VisibleWriter(TextWriter inner, Screen screen, bool keepsText = false, bool mayFail = false) : TextWriter(CultureInfo.InvariantCulture)
{
    /// <summary>Where the text goes: for what is made of control characters on purpose.</summary>
    public TextWriter Inner => inner;

    /// <summary>What the text ends in.</summary>
    public Screen Screen => screen;

    public override Encoding Encoding => inner.Encoding;

    /// <summary>The text with its control characters written out, but for ends of lines.</summary>
    public static string Of(string text)
    {
        if (!text.Any(IsHidden))
        {
            return text;
        }

        var visible = new StringBuilder();
        foreach (char c in text)
        {
            _ = IsHidden(c) ? visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : visible.Append(c);
        }

        return visible.ToString();
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value) => Try(() => inner.Write(Shown(value)));

    public override void WriteLine() => Try(inner.WriteLine);

    public override void WriteLine(string? value) => Try(() => inner.WriteLine(Lines(Shown(value))));

    public override Task WriteLineAsync(string? value)
    {
        WriteLine(value);
        return Task.CompletedTask;
    }

    public override void Flush() => Try(inner.Flush);

    private string? Shown(string? text) => keepsText || text is null ? text : screen.Readable(Of(text));

    private string? Lines(string? text) => keepsText || text is null || text.Length <= screen.Width
        ? text
        : string.Join('\n', text.Split('\n').Select(line => screen.Wrapped(line, Segmentation.Suggestion.Program)));

    private void Try(Action write)
    {
        // Who reads it may be slow.
        using IDisposable suspension = Watchdog.Suspend();
        try
        {
            write();
        }
        catch (Exception error) when (mayFail && error is (IOException or UnauthorizedAccessException))
        {
        }
        catch (UnauthorizedAccessException error)
        {
            // The runtime's word for a descriptor that is closed, or that is another file's by now.
            throw new IOException(ClosedWriter.Message, error);
        }
    }

    // Beside the control characters, those that turn the direction of what follows.
    private static bool IsHidden(char c) =>
        (char.IsControl(c) && c is not ('\n' or '\t')) || c is (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
