namespace DilatedKernels.Serialization;

/// <summary>A safetensors file is damaged, or does not hold what was asked of it.</summary>
public sealed class SafetensorsException : IOException
{
    // Names and values quoted from a file may be as long as the file.
    private const int LongestStart = 400;
    private const int LongestEnd = 200;

    /// <summary>Names the file and the reason.</summary>
    /// <param name="path">The file.</param>
    /// <param name="reason">What is wrong with it, a sentence.</param>
    /// <param name="inner">The exception behind it, if any.</param>
    public SafetensorsException(string path, string reason, Exception? inner = null)
        : base($"{path}: {Shortened(reason)}", inner)
    {
        Path = path;
        Reason = Shortened(reason);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What is wrong with it.</summary>
    public string Reason { get; }

    private static string Shortened(string reason) =>
        reason.Length <= LongestStart + LongestEnd ? reason : $"{reason[..LongestStart]} … {reason[^LongestEnd..]}";
}
