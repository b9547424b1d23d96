namespace DilatedKernels.Segmentation.Import;

/// <summary>The names that our own files have.</summary>
internal sealed class OwnNames : SourceNames
{
    public override string Kind => "this library's names";

    public override string? ReasonToSkip(string tensor, bool hasContext) => "the network has no such layer";

    protected override string Layer(string layer, IReadOnlyList<string> parameters) => layer;
}
