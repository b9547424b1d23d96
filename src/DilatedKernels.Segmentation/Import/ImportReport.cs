namespace DilatedKernels.Segmentation.Import;

/// <summary>A parameter that took its values from a file.</summary>
/// <param name="Parameter">The network's name.</param>
/// <param name="Source">The file's name.</param>
/// <param name="Change">What was done to the values on the way, such as another shape; empty for nothing.</param>
public sealed record ImportedParameter(string Parameter, string Source, string Change);

/// <summary>An array of a file that was left out.</summary>
/// <param name="Source">The file's name for it.</param>
/// <param name="Reason">Why the network does without.</param>
public sealed record SkippedTensor(string Source, string Reason);

/// <summary>What an import took from where.</summary>
/// <param name="Kinds">What each file was, such as <c>Caffe network</c>.</param>
/// <param name="Loaded">Parameters with values from a file, in the network's order.</param>
/// <param name="Skipped">Arrays of the files that were left out.</param>
/// <param name="Initialized">Parameters that no file has, or that were to be left alone: they have the values that training from scratch starts with.</param>
/// <param name="Notes">What holds only nearly, if anything.</param>
public sealed record ImportReport(
    IReadOnlyList<string> Kinds,
    IReadOnlyList<ImportedParameter> Loaded,
    IReadOnlyList<SkippedTensor> Skipped,
    IReadOnlyList<string> Initialized,
    IReadOnlyList<string> Notes);
