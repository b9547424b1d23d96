namespace DilatedKernels.Segmentation.Models;

/// <summary>What became of the names when weights were loaded into a network that they only partly fit.</summary>
/// <param name="Loaded">Parameters that took their values from the file.</param>
/// <param name="Missing">Parameters that the file has not; they kept their values.</param>
/// <param name="Unused">Arrays in the file that the network has no parameter for.</param>
public sealed record WeightLoadReport(IReadOnlyList<string> Loaded, IReadOnlyList<string> Missing, IReadOnlyList<string> Unused);
