using System.Text;

namespace DilatedKernels.Segmentation.Data;

/// <summary>What <see cref="DatasetChecker"/> found in a split.</summary>
public sealed class DatasetReport
{
    private const int ShownProblems = 20;

    /// <summary>The split.</summary>
    public required string Split { get; init; }

    /// <summary>The number of images.</summary>
    public required int SampleCount { get; init; }

    /// <summary>Everything that is wrong, in the split's order; empty if the split can be used.</summary>
    public required IReadOnlyList<DatasetProblem> Problems { get; init; }

    /// <summary>What may be a mistake but does not keep the split from being used: files that are not read, and classes that no mask has.</summary>
    public IReadOnlyList<DatasetProblem> Warnings { get; init; } = [];

    /// <summary>The number of pixels of each class over all readable masks.</summary>
    public required IReadOnlyList<long> ClassPixels { get; init; }

    /// <summary>The number of pixels, void ones among them, of the readable masks in which each class occurs.</summary>
    public IReadOnlyList<long> ClassImagePixels { get; init; } = [];

    /// <summary>The number of void pixels over all readable masks.</summary>
    public required long VoidPixels { get; init; }

    /// <summary>The mean blue, green and red of the readable images' pixels, 0 to 255; null if there are none.</summary>
    public (double B, double G, double R)? MeanBgr { get; init; }

    /// <summary>The sizes that occur among the readable images and how many images have each, smallest height first.</summary>
    public required IReadOnlyList<(Size2 Size, int Images)> ImageSizes { get; init; }

    /// <summary>The split's masks, each with its colours if it holds those instead of class numbers.</summary>
    internal IReadOnlyDictionary<string, MaskColors?> MaskColors { get; init; } = new Dictionary<string, MaskColors?>();

    /// <summary>The one of <see cref="Problems"/> that speaks of them.</summary>
    internal DatasetProblem? ColorProblem { get; init; }

    /// <summary>Does nothing if the split can be used.</summary>
    /// <exception cref="UserInputException">There are problems; the message lists the first 20 and the number of the others.</exception>
    public void ThrowIfUnusable()
    {
        if (Problems.Count == 0)
        {
            return;
        }

        StringBuilder message = new();
        message.Append(Problems.Count == 1 ? $"The split \"{Split}\" has a problem:" : $"The split \"{Split}\" has {Problems.Count} problems:");
        foreach (DatasetProblem problem in Problems.Take(ShownProblems))
        {
            message.Append("\n  ").Append(problem);
        }

        if (Problems.Count > ShownProblems)
        {
            message.Append("\n  … and ").Append(Problems.Count - ShownProblems).Append(" more.");
        }

        throw new UserInputException(message.ToString());
    }
}
