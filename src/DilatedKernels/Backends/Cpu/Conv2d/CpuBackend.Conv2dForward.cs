using DilatedKernels.Backends.Cpu.Conv2d;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    /// <summary>The vectors that convolutions use. Tests narrow it.</summary>
    internal VectorUnit VectorUnit { get; set; } = VectorUnit.Hardware;

    /// <summary>How 3×3 convolutions are computed.</summary>
    internal ConvolutionAlgorithm Algorithm { get; init; }

    public override void Conv2dForward(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer? bias, bool relu, DeviceBuffer y)
    {
        if (geometry.OutShape.Count == 0)
        {
            return;
        }

        var layer = WinogradLayer.Forward(geometry);
        if (WinogradChoice.Tiles(Algorithm, geometry, layer) is { } tiles)
        {
            WinogradForward(tiles, geometry, Floats(x), Floats(weight), bias is null ? null : Floats(bias), relu, Floats(y));
            return;
        }

        if (WinogradChoice.Windows(Algorithm, geometry, layer) is { } windows)
        {
            WindowForward(windows, geometry, Floats(x), Floats(weight), bias is null ? null : Floats(bias), relu, Floats(y));
            return;
        }

        if (IsPointwise(geometry) && PointwiseDot.Applies(geometry))
        {
            new PointwiseDot(VectorUnit, (int)geometry.OutShape.Positions, geometry.InChannels, geometry.OutChannels)
            {
                Input = Floats(x),
                Weight = Floats(weight),
                Output = Floats(y),
                Bias = bias is null ? null : Floats(bias),
                Relu = relu,
            }.Run(_pool, _allocator);
            return;
        }

        Conv2dGeometry g = MergeBatch(geometry);
        TileShape shape = GatherConvolution.ShapeFor(VectorUnit, g.OutChannels);
        using CpuBuffer packed = _allocator.Allocate(WeightPacking.Count(shape, g.Taps, g.InChannels) * sizeof(float));
        WeightPacking.Forward(_pool, shape, g.Taps, g.InChannels, Floats(weight), Floats(packed));

        var plan = new GatherPlan(
            GatherAxis.Forward(g.OutHeight, g.InHeight, g.KernelHeight, g.StrideH, g.DilationH, g.PadH),
            GatherAxis.Forward(g.OutWidth, g.InWidth, g.KernelWidth, g.StrideW, g.DilationW, g.PadW),
            g.InChannels, g.InWidth, new Size2(g.KernelHeight, g.KernelWidth));
        new GatherConvolution(plan, shape, VectorUnit, g.InShape, g.OutShape, g.Taps)
        {
            Input = Floats(x),
            Packed = Floats(packed),
            Output = Floats(y),
            Bias = bias is null ? null : Floats(bias),
            Relu = relu,
        }.Run(_pool);
    }

    private void WinogradForward(WinogradGrid grid, in Conv2dGeometry g, float* x, float* weight, float* bias, bool relu, float* y)
    {
        TileShape shape = TileShape.For(g.OutChannels, VectorUnit);
        int channels = g.InChannels;
        new WinogradConvolution(grid, shape, VectorUnit, channels, _pool.Threads)
        {
            Input = x,
            PackWeights = packed => WinogradWeights.Forward(_pool, grid.Tile, shape, channels, weight, (float*)packed),
            Output = y,
            Bias = bias,
            Relu = relu,
        }.Run(_pool, _allocator);
    }

    private void WindowForward(WindowGrid grid, in Conv2dGeometry g, float* x, float* weight, float* bias, bool relu, float* y) =>
        new WindowConvolution(grid, TileShape.For(g.OutChannels, VectorUnit), VectorUnit, g.InChannels, _pool.Threads)
        {
            Input = x,
            PackWeights = (weights, begin, end, packed) => weights.Forward(_pool, begin, end, weight, packed),
            Output = y,
            Bias = bias,
            Relu = relu,
        }.Run(_pool, _allocator);

    /// <summary>
    /// Where the kernel is one row high and nothing is padded above, the images of a batch are rows of one tall image; a 1×1 convolution
    /// does not see columns either, and all positions are one column.
    /// </summary>
    private static Conv2dGeometry MergeBatch(in Conv2dGeometry g)
    {
        if (IsPointwise(g))
        {
            return g with { Batch = 1, InHeight = g.Batch * g.InHeight * g.InWidth, InWidth = 1 };
        }

        return g.KernelHeight == 1 && g.StrideH == 1 && g.PadH == 0 && (long)g.Batch * g.InHeight <= int.MaxValue
            ? g with { Batch = 1, InHeight = g.Batch * g.InHeight }
            : g;
    }

    private static bool IsPointwise(in Conv2dGeometry g) =>
        g.Taps == 1 && g.StrideH == 1 && g.StrideW == 1 && g.PadH == 0 && g.PadW == 0 && g.InShape.Positions <= int.MaxValue;
}
