namespace DilatedKernels.Segmentation;

/// <summary>
/// Something the user gave is wrong: a file, a dataset, an option. The message names what was wrong, where, and what would be
/// right; it is meant to be shown as it is, without a stack trace.
/// </summary>
public class UserInputException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was wrong, where, and what would be right.</param>
    public UserInputException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with the error that revealed it.</summary>
    /// <param name="message">What was wrong, where, and what would be right.</param>
    /// <param name="innerException">The error underneath.</param>
    public UserInputException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
