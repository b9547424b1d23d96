using System.Runtime.CompilerServices;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>The convolution on Hopper's tensor cores, which the copy engine feeds through tensor maps. Operands are padded to whole granules of channels.</summary>
internal sealed unsafe partial class CudaBackend
{
    private void WgmmaGather(
        Conv2dProduct product, in Conv2dGather gather, DeviceBuffer source, DeviceBuffer weight, DeviceBuffer? bias, DeviceBuffer? mask, bool relu, DeviceBuffer result)
    {
        LaunchPlan plan = Conv2dWgmmaGatherPlan.Choose(gather, _context.Device.Multiprocessors, out int columns);
        Conv2dGather ascending = gather with { Rows = gather.Rows.ToAscending(), Columns = gather.Columns.ToAscending() };
        var arguments = new KernelArguments();
        arguments.Add(MapPixels(product, ascending.Rows, ascending.Columns, ascending.Batch, ascending.SourceChannels, Pointer(source), Conv2dWgmmaGatherPlan.TileRows));
        arguments.Add(MapWeight(product, ascending, Pointer(weight), columns));
        arguments.Add(bias is null ? default : Pointer(bias));
        arguments.Add(mask is null ? default : Pointer(mask));
        arguments.Add(relu ? 1 : 0);
        arguments.Add(Pointer(result));
        arguments.Add(ascending);
        Launch(plan, arguments);
    }

    // The tiles' sums, and the sum of those that more than one worker had.
    private void WgmmaSumWeights(Conv2dProduct product, in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        var plan = Conv2dWgmmaWeightPlan.Choose(geometry, _context.Device.Multiprocessors);
        Conv2dGather gather = Conv2dGather.Forward(geometry);
        using DeviceBuffer? parts = plan.Finish is null ? null : Allocate(plan.PartialBytes);
        var first = new KernelArguments();
        first.Add(MapWeightOperands(product, gather, plan.Taps, Pointer(x), Pointer(dy)));
        first.Add(Pointer(dw));
        first.Add(parts is null ? default : Pointer(parts));
        first.Add(plan.Workers);
        first.Add(gather);
        first.Add(plan.Taps);
        Launch(plan.Partial, first);
        if (plan.Finish is { } finish)
        {
            var second = new KernelArguments();
            second.Add(Pointer(parts!));
            second.Add(Pointer(dw));
            second.Add(plan.Workers);
            second.Add(plan.RowBoxes);
            second.Add(plan.Columns);
            second.Add(gather);
            second.Add(plan.Taps);
            Launch(finish, second);
        }
    }

    private WeightMaps MapWeightOperands(Conv2dProduct product, in Conv2dGather gather, in Conv2dRegions taps, DevicePointer x, DevicePointer dy)
    {
        WeightMaps maps = default;
        int map = 0;
        foreach (Conv2dPiece row in taps.Rows.All)
        {
            foreach (Conv2dPiece column in taps.Columns.All)
            {
                maps.X[map] = MapPixels(
                    product, Conv2dTapPositions.Restrict(gather.Rows, row), Conv2dTapPositions.Restrict(gather.Columns, column), gather.Batch, gather.SourceChannels, x, Conv2dWgmmaWeightPlan.StepPositions);
                maps.Dy[map++] = MapPixels(
                    product, Conv2dTapPositions.OfResult(gather.Rows, row), Conv2dTapPositions.OfResult(gather.Columns, column), gather.Batch, gather.ResultChannels, dy, Conv2dWgmmaWeightPlan.StepPositions);
            }
        }

        return maps;
    }

    // Activations, for loads of neighbouring positions under one tap.
    private TensorMap MapPixels(Conv2dProduct product, in Conv2dAxis rows, in Conv2dAxis columns, int batch, int channels, DevicePointer pixels, int loaded)
    {
        ulong pixelBytes = (ulong)(product.Pad(channels) * product.ElementBytes());
        ulong rowBytes = pixelBytes * (ulong)columns.Source;
        (int left, int right) = Conv2dWgmmaGatherPlan.Corners(columns);
        (int top, int bottom) = Conv2dWgmmaGatherPlan.Corners(rows);
        var description = new TensorMapDescription
        {
            Address = pixels,
            Type = TensorMapType.BFloat16,
            Extents = [(ulong)product.Pad(channels), (ulong)columns.Source, (ulong)rows.Source, (ulong)batch],
            Strides = [pixelBytes, rowBytes, rowBytes * (ulong)rows.Source],
            ElementSteps = [1, (uint)columns.Scale, (uint)rows.Scale, 1],
            Swizzle = TensorMapSwizzle.Bytes128,
            Promotion = TensorMapPromotion.Bytes128,
        };
        return _context.EncodeIm2col(description, [left, top], [right, bottom], Conv2dWgmmaGatherPlan.StepChannels, loaded);
    }

    // The packed weights, for loads of one tap of a tile's result channels.
    private TensorMap MapWeight(Conv2dProduct product, in Conv2dGather gather, DevicePointer weight, int columns)
    {
        ulong tapBytes = (ulong)(product.Pad(gather.SourceChannels) * product.ElementBytes());
        var description = new TensorMapDescription
        {
            Address = weight,
            Type = TensorMapType.BFloat16,
            Extents = [(ulong)product.Pad(gather.SourceChannels), (ulong)gather.KernelTaps, (ulong)gather.ResultChannels],
            Strides = [tapBytes, tapBytes * (ulong)gather.KernelTaps],
            Swizzle = TensorMapSwizzle.Bytes128,
            Promotion = TensorMapPromotion.Bytes256,
        };
        return _context.EncodeTiled(description, [Conv2dWgmmaGatherPlan.StepChannels, 1, (uint)columns]);
    }

    // As WeightMaps in kernels/conv2d/wgmma_wgrad.cuh.
    private struct WeightMaps
    {
        public Maps X;
        public Maps Dy;
    }

    [InlineArray(Conv2dTapPositions.MostMaps)]
    private struct Maps
    {
        private TensorMap _map;
    }
}
