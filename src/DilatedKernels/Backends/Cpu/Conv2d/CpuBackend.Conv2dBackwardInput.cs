using DilatedKernels.Backends.Cpu.Conv2d;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <remarks>
    /// At stride s the positions of the input fall into s·s classes that are reached through different taps; within a class
    /// the gradient is again a convolution of stride 1, over a grid of step s.
    /// </remarks>
    public override void Conv2dBackwardInput(in Conv2dGeometry geometry, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer? mask, DeviceBuffer dx)
    {
        if (geometry.InShape.Count == 0)
        {
            return;
        }

        var layer = WinogradLayer.BackwardInput(geometry);
        if (WinogradChoice.Tiles(Algorithm, geometry, layer) is { } tiles)
        {
            WinogradBackwardInput(tiles, geometry, Floats(dy), Floats(weight), mask is null ? null : Floats(mask), Floats(dx));
            return;
        }

        if (WinogradChoice.Windows(Algorithm, geometry, layer) is { } windows)
        {
            WindowBackwardInput(windows, geometry, Floats(dy), Floats(weight), mask is null ? null : Floats(mask), Floats(dx));
            return;
        }

        Conv2dGeometry g = MergeBatch(geometry);
        TileShape shape = GatherConvolution.ShapeFor(VectorUnit, g.InChannels);
        using CpuBuffer packed = _allocator.Allocate(WeightPacking.Count(shape, g.Taps, g.OutChannels) * sizeof(float));
        WeightPacking.Backward(_pool, shape, g.Taps, g.OutChannels, Floats(weight), Floats(packed));

        for (int phaseY = 0; phaseY < Math.Min(g.StrideH, g.InHeight); phaseY++)
        {
            for (int phaseX = 0; phaseX < Math.Min(g.StrideW, g.InWidth); phaseX++)
            {
                var plan = new GatherPlan(
                    GatherAxis.Backward(phaseY, g.OutHeight, g.InHeight, g.KernelHeight, g.StrideH, g.DilationH, g.PadH),
                    GatherAxis.Backward(phaseX, g.OutWidth, g.InWidth, g.KernelWidth, g.StrideW, g.DilationW, g.PadW),
                    g.OutChannels, g.OutWidth, new Size2(g.KernelHeight, g.KernelWidth));
                new GatherConvolution(plan, shape, VectorUnit, g.OutShape, g.InShape, g.Taps)
                {
                    Input = Floats(dy),
                    Packed = Floats(packed),
                    Output = Floats(dx),
                    Mask = mask is null ? null : Floats(mask),
                }.Run(_pool);
            }
        }
    }

    private void WinogradBackwardInput(WinogradGrid grid, in Conv2dGeometry g, float* dy, float* weight, float* mask, float* dx)
    {
        TileShape shape = TileShape.For(g.InChannels, VectorUnit);
        int channels = g.OutChannels;
        new WinogradConvolution(grid, shape, VectorUnit, channels, _pool.Threads)
        {
            Input = dy,
            PackWeights = packed => WinogradWeights.Backward(_pool, grid.Tile, shape, channels, weight, (float*)packed),
            Output = dx,
            Mask = mask,
        }.Run(_pool, _allocator);
    }

    private void WindowBackwardInput(WindowGrid grid, in Conv2dGeometry g, float* dy, float* weight, float* mask, float* dx) =>
        new WindowConvolution(grid, TileShape.For(g.InChannels, VectorUnit), VectorUnit, g.OutChannels, _pool.Threads)
        {
            Input = dy,
            PackWeights = (weights, begin, end, packed) => weights.Backward(_pool, begin, end, weight, packed),
            Output = dx,
            Mask = mask,
        }.Run(_pool, _allocator);
}
