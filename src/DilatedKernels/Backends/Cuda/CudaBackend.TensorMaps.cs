using System.Runtime.CompilerServices;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>The convolution on Hopper's tensor cores, which the copy engine feeds through tensor maps. Operands are padded to whole granules of channels.</summary>
internal sealed unsafe partial class CudaBackend
{
    private void WgmmaGather(Conv2dProduct product, in Conv2dGather gather, in GatherOperands operands)
    {
        Conv2dGather ascending = gather with { Rows = gather.Rows.ToAscending(), Columns = gather.Columns.ToAscending() };
        Conv2dRegions regions = Conv2dWgmmaGatherPlan.ChooseRegions(ascending);
        Conv2dGatherWay way = ChoosesByPlan
            ? new Conv2dGatherWay(Conv2dWgmmaGatherPlan.Choose(product, ascending, regions, _context.Device.Multiprocessors, Sharing, out int columns), columns)
            : ChosenWgmma(product, ascending, regions, operands);
        WgmmaGather(way, product, ascending, regions, operands);
    }

    private Conv2dGatherWay ChosenWgmma(Conv2dProduct product, Conv2dGather ascending, Conv2dRegions regions, GatherOperands operands) => Chosen(
        product, ascending, Conv2dWgmmaGatherPlan.Ways(product, ascending, regions, _context.Device.Multiprocessors, Sharing),
        (way, times) => WgmmaGather(way, product, ascending, regions, operands, times));

    private void WgmmaGather(in Conv2dGatherWay way, Conv2dProduct product, in Conv2dGather ascending, in Conv2dRegions regions, in GatherOperands operands, int times = 1)
    {
        DevicePointer weight = Pointer(operands.Weight);
        var arguments = new KernelArguments();
        arguments.Add(MapSource(product, ascending, regions, Pointer(operands.Source)));
        if (way.Plan.Cluster == default)
        {
            arguments.Add(MapWeight(product, ascending, weight, way.Columns));
        }
        else
        {
            int half = Conv2dWgmmaGatherPlan.FirstHalf(way.Columns);
            arguments.Add(new WeightHalves(MapWeight(product, ascending, weight, half), MapWeight(product, ascending, weight, way.Columns - half)));
        }

        AddResult(ref arguments, operands);
        arguments.Add(ascending);
        arguments.Add(regions);
        for (int i = 0; i < times; i++)
        {
            Launch(way.Plan, arguments);
        }
    }

    private Maps MapSource(Conv2dProduct product, in Conv2dGather gather, in Conv2dRegions regions, DevicePointer source)
    {
        Maps maps = default;
        int across = regions.Columns.All.Length;
        for (int map = 0; map < regions.Count; map++)
        {
            maps[map] = MapPixels(
                product, Conv2dWindow.Of(gather.Rows, regions.Rows, map / across), Conv2dWindow.Of(gather.Columns, regions.Columns, map % across), gather.Rows.Source, gather.Columns.Source, gather.Batch, gather.SourceChannels,
                source, Conv2dWgmmaGatherPlan.TileRows);
        }

        return maps;
    }

    // The tiles' sums, and the sum of those that more than one worker had.
    private void WgmmaSumWeights(Conv2dProduct product, in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        var plan = Conv2dWgmmaWeightPlan.Choose(product, geometry, _context.Device.Multiprocessors, Sharing);
        Conv2dGather gather = Conv2dGather.Forward(geometry);
        using DeviceBuffer? parts = plan.Finish is null ? null : Allocate(plan.PartialBytes);
        var first = new KernelArguments();
        first.Add(MapWeightOperands(product, gather, plan.Taps, Pointer(x), Pointer(dy)));
        first.Add(Pointer(dw));
        first.Add(parts is null ? default : Pointer(parts));
        first.Add(plan.Workers);
        first.Add(plan.Waves);
        first.Add(gather);
        first.Add(plan.Taps);
        Launch(plan.Partial, first);
        if (plan.Finish is { } finish)
        {
            var second = new KernelArguments();
            second.Add(Pointer(parts!));
            second.Add(Pointer(dw));
            second.Add(plan.Workers);
            second.Add(plan.Waves);
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
        int across = taps.Columns.All.Length;
        for (int map = 0; map < taps.Count; map++)
        {
            (int row, int column) = (map / across, map % across);
            maps.X[map] = MapPixels(
                product, Conv2dWindow.Of(gather.Rows, taps.Rows, row), Conv2dWindow.Of(gather.Columns, taps.Columns, column), gather.Rows.Source, gather.Columns.Source, gather.Batch, gather.SourceChannels, x,
                Conv2dWgmmaWeightPlan.StepPositions);
            maps.Dy[map] = MapPixels(
                product, Conv2dWindow.OfResult(gather.Rows, taps.Rows, row), Conv2dWindow.OfResult(gather.Columns, taps.Columns, column), gather.Rows.Result, gather.Columns.Result, gather.Batch,
                gather.ResultChannels, dy, Conv2dWgmmaWeightPlan.StepPositions);
        }

        return maps;
    }

    // The copy engine rounds to TF32 on the way.
    private static TensorMapType TypeOf(Conv2dProduct product) => product == Conv2dProduct.Tf32 ? TensorMapType.TFloat32 : TensorMapType.BFloat16;

    // Activations of height x width pixels, for loads of neighbouring positions of a window under one tap.
    private TensorMap MapPixels(
        Conv2dProduct product, in Conv2dWindow rows, in Conv2dWindow columns, int height, int width, int batch, int channels, DevicePointer pixels, int loaded)
    {
        ulong pixelBytes = (ulong)product.Pad(channels) * (ulong)product.ElementBytes();
        ulong rowBytes = pixelBytes * (ulong)width;
        (int left, int right) = Conv2dWgmmaGatherPlan.Corners(columns.Axis);
        (int top, int bottom) = Conv2dWgmmaGatherPlan.Corners(rows.Axis);
        var description = new TensorMapDescription
        {
            Address = new DevicePointer(pixels.Value + ((ulong)rows.Origin * rowBytes) + ((ulong)columns.Origin * pixelBytes)),
            Type = TypeOf(product),
            Extents = [(ulong)product.Pad(channels), (ulong)columns.Axis.Source, (ulong)rows.Axis.Source, (ulong)batch],
            Strides = [pixelBytes, rowBytes, rowBytes * (ulong)height],
            ElementSteps = [1, (uint)columns.Axis.Scale, (uint)rows.Axis.Scale, 1],
            Swizzle = TensorMapSwizzle.Bytes128,
            Promotion = TensorMapPromotion.Bytes128,
        };
        return _context.EncodeIm2col(description, [left, top], [right, bottom], product.StepChannels(), loaded);
    }

    // The packed weights, for loads of one tap of as many result channels.
    private TensorMap MapWeight(Conv2dProduct product, in Conv2dGather gather, DevicePointer weight, int columns)
    {
        ulong tapBytes = (ulong)product.Pad(gather.SourceChannels) * (ulong)product.ElementBytes();
        var description = new TensorMapDescription
        {
            Address = weight,
            Type = TypeOf(product),
            Extents = [(ulong)product.Pad(gather.SourceChannels), (ulong)gather.KernelTaps, (ulong)gather.ResultChannels],
            Strides = [tapBytes, tapBytes * (ulong)gather.KernelTaps],
            Swizzle = TensorMapSwizzle.Bytes128,
            Promotion = TensorMapPromotion.Bytes256,
        };
        return _context.EncodeTiled(description, [(uint)product.StepChannels(), 1, (uint)columns]);
    }

    // As SourceMaps in kernels/conv2d/wgmma_gather.cuh, and WeightMaps in kernels/conv2d/wgmma_wgrad.cuh.
    private struct WeightMaps
    {
        public Maps X;
        public Maps Dy;
    }

    // As WeightParts<2>.
    private readonly record struct WeightHalves(TensorMap First, TensorMap Second);

    [InlineArray(Conv2dWgmmaGatherPlan.MostMaps)]
    private struct Maps
    {
        private TensorMap _map;
    }
}
