using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace DilatedKernels.Segmentation;

/// <summary>What is wrong with a JSON text, without all of the text: a property's name may be as long as the file.</summary>
internal static partial class JsonErrors
{
    private const int LongestStart = 400;
    private const int LongestEnd = 200;

    /// <param name="exception">The error.</param>
    /// <param name="ofTree">Whether values were read from a tree that was written out again: nobody knows its lines, but the text's where it was no JSON.</param>
    public static string Describe(Exception exception, bool ofTree = false)
    {
        string message = exception is JsonException { LineNumber: { } line, BytePositionInLine: { } position } ? InTheCountOfEditors(exception.Message, line, position, ofTree && exception is JsonException { Path: not null }) : exception.Message;
        return message.Length > LongestStart + LongestEnd ? $"{message[..LongestStart]} … {message[^LongestEnd..]}" : message;
    }

    // .NET counts lines and bytes from 0, and says so in names of its own, as it does of a type's members.
    private static string InTheCountOfEditors(string message, long line, long position, bool isOfTree)
    {
        Match place = Place().Match(message);
        string text = Member().Replace(place.Success ? message[..place.Index] : message, "is none that belongs here");
        string at = place.Groups["path"].Value is { Length: > 0 } path && path != "$" ? $" That is at {path}." : "";
        return isOfTree ? text + at : string.Create(CultureInfo.InvariantCulture, $"line {line + 1}, byte {position + 1}: {text}{at}");
    }

    [GeneratedRegex(@" (Path: (?<path>.*?) \| )?LineNumber: \d+ \| BytePositionInLine: \d+\.", RegexOptions.CultureInvariant)]
    private static partial Regex Place();

    [GeneratedRegex("could not be mapped to any .NET member contained in type '[^']*'", RegexOptions.CultureInvariant)]
    private static partial Regex Member();
}
