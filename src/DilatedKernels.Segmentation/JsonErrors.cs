namespace DilatedKernels.Segmentation;

/// <summary>What is wrong with a JSON text, without all of the text: a property's name may be as long as the file.</summary>
internal static class JsonErrors
{
    private const int LongestStart = 400;
    private const int LongestEnd = 200;

    public static string Describe(Exception exception) => exception.Message is { Length: > LongestStart + LongestEnd } message
        ? $"{message[..LongestStart]} … {message[^LongestEnd..]}"
        : exception.Message;
}
