using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>Collects a network's layers in the order of computation.</summary>
internal sealed class PlanBuilder(int inChannels)
{
    private readonly List<NodePlan> _nodes = [];

    public IReadOnlyList<NodePlan> Nodes => _nodes;

    /// <summary>The newest layer's position, or <see cref="Graph.Input"/> before the first.</summary>
    public int Last => _nodes.Count - 1;

    /// <summary>Channels of what a position holds.</summary>
    public int Channels(int position) => position == Graph.Input ? inChannels : _nodes[position].Layer.OutChannels;

    /// <summary>Adds a layer that reads the newest one.</summary>
    /// <returns>Its position.</returns>
    public int Then(LayerPlan layer) => Add(layer, Last);

    /// <summary>Adds a layer.</summary>
    /// <returns>Its position.</returns>
    /// <exception cref="ArgumentException">The layer's cells see more pixels than can be counted.</exception>
    public int Add(LayerPlan layer, params IReadOnlyList<int> inputs)
    {
        try
        {
            _nodes.Add(new NodePlan(layer, inputs, layer.Place([.. inputs.Select(PlacementOf)])));
            return Last;
        }
        catch (OverflowException e)
        {
            throw new ArgumentException($"The model's configuration is wrong: from layer {layer.Name} on, a cell sees more than {int.MaxValue} pixels along an axis.", e);
        }
    }

    /// <summary>Cuts a map to another one's size, so that the cells of both lie on one another.</summary>
    /// <returns>The cut's position.</returns>
    public int Crop(string name, int map, int target)
    {
        MapPlacement from = PlacementOf(map);
        return Add(new CropToPlan(name, Channels(map), (PlacementOf(target).First - from.First) / from.Jump), map, target);
    }

    private MapPlacement PlacementOf(int position) => position == Graph.Input ? MapPlacement.Input : _nodes[position].Placement;
}
