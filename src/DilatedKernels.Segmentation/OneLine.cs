using System.Globalization;
using System.Text;

namespace DilatedKernels.Segmentation;

/// <summary>Names of classes as a cell of a table: they come from files, and a line break or tab in one would be another row or column.</summary>
internal static class OneLine
{
    /// <summary>The name with its control characters written out, as <c>\u000a</c>.</summary>
    public static string Of(string name)
    {
        if (!name.Any(IsBreak))
        {
            return name;
        }

        var text = new StringBuilder();
        foreach (char c in name)
        {
            _ = IsBreak(c) ? text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : text.Append(c);
        }

        return text.ToString();
    }

    // Beside the control characters, the separators of lines and paragraphs.
    private static bool IsBreak(char c) => char.IsControl(c) || c is '\u2028' or '\u2029';
}
