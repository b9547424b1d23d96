using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The sum of two maps of one size.</summary>
internal sealed record AddPlan(string Name, int OutChannels) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "add";

    public override long FlopsPerValue => 1;

    public override MapPlacement Place(ReadOnlySpan<MapPlacement> inputs) => MapPlacement.Joined(inputs);

    public override Module Create(Device device) => new AddLayer();
}

/// <summary>Maps of one size one after another, the first input's channels first.</summary>
internal sealed record ConcatPlan(string Name, int OutChannels) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "concat";

    public override MapPlacement Place(ReadOnlySpan<MapPlacement> inputs) => MapPlacement.Joined(inputs);

    public override Module Create(Device device) => new ConcatLayer();
}

/// <summary>The first input cut to the second one's size, from row and column <paramref name="Offset"/> on.</summary>
internal sealed record CropToPlan(string Name, int OutChannels, int Offset) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "crop";

    public override string Need => $"cuts at row and column {Offset}";

    public override int OutExtent(ReadOnlySpan<int> extents) => extents[0] >= Offset + extents[1] ? extents[1] : 0;

    public override MapPlacement Place(ReadOnlySpan<MapPlacement> inputs) => inputs[0] with { First = inputs[0].First + (Offset * inputs[0].Jump) };

    public override Module Create(Device device) => new CropLayer(Offset);
}
