using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>One layer of a network and what it reads.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Inputs">Positions of earlier nodes, or <see cref="Graph.Input"/> for the network's input.</param>
/// <param name="Placement">Where the layer's output lies on the network's input.</param>
internal sealed record NodePlan(LayerPlan Layer, IReadOnlyList<int> Inputs, MapPlacement Placement);
