using DilatedKernels.Backends.Cpu.Conv2d;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Conv2dBackwardWeight(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        if (geometry.WeightShape.Count == 0)
        {
            return;
        }

        var layer = WinogradLayer.Forward(geometry);
        if (WinogradChoice.Tiles(Algorithm, geometry, layer) is { } tiles)
        {
            new WinogradWeightGradient(tiles, TileShape.For(geometry.OutChannels, VectorUnit), VectorUnit, geometry.InChannels)
                .Run(_pool, _allocator, Floats(x), Floats(dy), Floats(dw));
            return;
        }

        if (WinogradChoice.Windows(Algorithm, geometry, layer) is { } windows)
        {
            new WindowWeightGradient(windows, TileShape.For(geometry.OutChannels, VectorUnit), VectorUnit, geometry.InChannels)
                .Run(_pool, _allocator, Floats(x), Floats(dy), Floats(dw));
            return;
        }

        if (IsPointwise(geometry) && PointwiseWeightGradient.Applies(geometry))
        {
            var pointwise = new PointwiseWeightGradient(VectorUnit, (int)geometry.OutShape.Positions, geometry.InChannels, geometry.OutChannels);
            using CpuBuffer sums = _allocator.Allocate(pointwise.PartialCount * sizeof(float));
            pointwise.Run(_pool, Floats(x), Floats(dy), Floats(sums), Floats(dw));
            return;
        }

        Conv2dGeometry g = MergePositions(geometry);
        var gradient = new WeightGradient(g, TileShape.For(g.OutChannels, VectorUnit), _pool.Threads);
        using CpuBuffer partial = _allocator.Allocate(gradient.PartialCount * sizeof(float));
        gradient.Run(_pool, _allocator, Floats(x), Floats(dy), Floats(partial), Floats(dw));
    }

    /// <summary>A 1×1 convolution without stride or padding does not see rows or images: all positions are one row.</summary>
    private static Conv2dGeometry MergePositions(in Conv2dGeometry g) =>
        IsPointwise(g)
            ? g with { Batch = 1, InHeight = 1, InWidth = g.Batch * g.InHeight * g.InWidth }
            : g;
}
