using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Import;

/// <summary>The names that our own files have, which may say of which network they are.</summary>
internal sealed class OwnNames(ModelConfig? network) : SourceNames
{
    public override string Kind => "this library's names";

    public override IReadOnlyList<double>? MeanBgr => network is { HasTrunk: true } ? network.MeanBgr : null;

    public override double? InputScale => network is { HasTrunk: true } ? network.InputScale : null;

    public override string? ReasonToSkip(string tensor, bool hasContext) =>
        tensor.StartsWith(ModelFile.StatePrefix, StringComparison.Ordinal) ? "what an optimizer remembers" : "the network has no such layer";

    protected override string Layer(string layer, IReadOnlyList<string> parameters) => layer;
}
