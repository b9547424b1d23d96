namespace DilatedKernels.Segmentation.Data;

/// <summary>Something wrong with a dataset.</summary>
/// <param name="Path">The file or folder.</param>
/// <param name="Message">What is wrong with it and what would be right, as a sentence.</param>
public sealed record DatasetProblem(string Path, string Message)
{
    /// <summary>Writes the path, a colon and the message.</summary>
    public override string ToString() => $"{Path}: {Message}";
}
