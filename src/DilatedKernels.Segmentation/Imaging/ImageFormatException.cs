namespace DilatedKernels.Segmentation.Imaging;

/// <summary>An image file is damaged, cut off, too large, or of a kind that is not read.</summary>
public sealed class ImageFormatException : UserInputException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file.</param>
    /// <param name="reason">What is wrong with it and what would be right, as a sentence.</param>
    public ImageFormatException(string path, string reason)
        : base($"{path}: {reason}")
    {
        (Path, Reason) = (path, reason);
    }

    /// <summary>Creates the exception with the error that revealed it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="reason">What is wrong with it and what would be right, as a sentence.</param>
    /// <param name="innerException">The error underneath.</param>
    public ImageFormatException(string path, string reason, Exception innerException)
        : base($"{path}: {reason}", innerException)
    {
        (Path, Reason) = (path, reason);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What is wrong with it, without the file's name.</summary>
    public string Reason { get; }
}
