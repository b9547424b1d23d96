using DilatedKernels.Backends.Cuda.Conv2d;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// The convolution on tensor cores. Channels that are no whole granules are padded in scratch memory, and float32 for Hopper's kernels is split there, at 1.5 times its size;
/// no caller sees it.
/// </summary>
internal sealed unsafe partial class CudaBackend
{
    /// <summary>The forward pass; there is at least one result.</summary>
    internal void MmaForward(Conv2dProduct product, in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer? bias, bool relu, DeviceBuffer y)
    {
        Conv2dGather gather = Conv2dGather.Forward(geometry);
        product = product.OnDevice([gather], _context.Device.Architecture);
        using DeviceBuffer? padded = PadActivations(product, x, geometry.InShape.Positions, geometry.InChannels);
        using DeviceBuffer? packed = PackWeights(product, geometry, weight);
        Gather(product, gather, padded ?? x, packed ?? weight, bias, mask: null, relu, y);
    }

    /// <summary>The data gradient; there is at least one result.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="geometry">The convolution.</param>
    /// <param name="dy">The gradient of its result.</param>
    /// <param name="weight">Its weights, float32.</param>
    /// <param name="mask">What a ReLU before the convolution gave, or null: the gradient is 0 where it is not positive.</param>
    /// <param name="dx">The gradient of its input, or of the ReLU's.</param>
    internal void MmaBackwardInput(Conv2dProduct product, in Conv2dGeometry geometry, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer? mask, DeviceBuffer dx)
    {
        Conv2dGather[] phases = Phases(geometry);
        product = product.OnDevice(phases, _context.Device.Architecture);
        using DeviceBuffer? padded = PadActivations(product, dy, geometry.OutShape.Positions, geometry.OutChannels);
        using DeviceBuffer? turned = TurnWeights(product, geometry, weight);
        foreach (Conv2dGather phase in phases)
        {
            Gather(product, phase, padded ?? dy, turned ?? weight, bias: null, mask, relu: false, dx);
        }
    }

    internal static Conv2dGather[] Phases(in Conv2dGeometry g)
    {
        int rows = Math.Min(g.StrideH, g.InHeight), columns = Math.Min(g.StrideW, g.InWidth);
        var phases = new Conv2dGather[rows * columns];
        for (int i = 0; i < phases.Length; i++)
        {
            phases[i] = Conv2dGather.BackwardInput(g, i / columns, i % columns);
        }

        return phases;
    }

    /// <summary>The weight gradient, float32; there is at least one weight and one position.</summary>
    internal void MmaBackwardWeight(Conv2dProduct product, in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        if (product == Conv2dProduct.Tf32x3 && Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16x6, geometry, _context.Device.Architecture) is null)
        {
            product = Conv2dProduct.Bf16x6;
        }

        using DeviceBuffer? paddedX = PadActivations(product, x, geometry.InShape.Positions, geometry.InChannels);
        using DeviceBuffer? paddedDy = PadActivations(product, dy, geometry.OutShape.Positions, geometry.OutChannels);
        if (Conv2dWgmmaWeightPlan.WhyNot(product, geometry, _context.Device.Architecture) is null)
        {
            WgmmaSumWeights(product, geometry, paddedX ?? x, paddedDy ?? dy, dw);
            return;
        }

        SumWeights(Conv2dMmaWeightPlan.Choose(product, geometry), geometry, paddedX ?? x, paddedDy ?? dy, dw);
    }

    private void Gather(
        Conv2dProduct product, in Conv2dGather gather, DeviceBuffer source, DeviceBuffer weight, DeviceBuffer? bias, DeviceBuffer? mask, bool relu, DeviceBuffer result)
    {
        if (Conv2dWgmmaGatherPlan.WhyNot(product, gather, _context.Device.Architecture) is null)
        {
            WgmmaGather(product, gather, source, weight, bias, mask, relu, result);
            return;
        }

        if (product == Conv2dProduct.Bf16x6)
        {
            // A phase without taps: whatever multiplies, zeros are written.
            product = Conv2dProduct.Tf32x3;
        }

        var regions = Conv2dRegions.Choose(gather, Conv2dMmaGatherPlan.TileRows);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(source));
        arguments.Add(Pointer(weight));
        arguments.Add(bias is null ? default : Pointer(bias));
        arguments.Add(mask is null ? default : Pointer(mask));
        arguments.Add(relu ? 1 : 0);
        arguments.Add(Pointer(result));
        arguments.Add(gather);
        arguments.Add(regions);
        Launch(Conv2dMmaGatherPlan.Choose(product, gather, regions), arguments);
    }

    /// <summary>A padded copy, or null where the activations can be read as they are.</summary>
    private DeviceBuffer? PadActivations(Conv2dProduct product, DeviceBuffer x, long positions, int channels) =>
        positions > 0 && channels > 0 && Conv2dPackPlan.PadsActivations(product, channels, Aligned(x))
            ? Pad(Conv2dPackPlan.Activations(product, positions, channels), x, positions, channels, product)
            : null;

    private DeviceBuffer? PackWeights(Conv2dProduct product, in Conv2dGeometry g, DeviceBuffer weight) =>
        g.InChannels > 0 && Conv2dPackPlan.PadsWeights(product, g.InChannels, Aligned(weight))
            ? Pad(Conv2dPackPlan.Weights(product, g), weight, (long)g.OutChannels * g.Taps, g.InChannels, product)
            : null;

    private DeviceBuffer Pad(in LaunchPlan plan, DeviceBuffer source, long rows, int channels, Conv2dProduct product)
    {
        DeviceBuffer target = Allocate(rows * product.Pad(channels) * product.ElementBytes());
        var arguments = new KernelArguments();
        arguments.Add(Pointer(source));
        arguments.Add(Pointer(target));
        arguments.Add((int)rows);
        arguments.Add(channels);
        arguments.Add(product.PadPart(channels));
        Launch(plan, arguments);
        return target;
    }

    private DeviceBuffer? TurnWeights(Conv2dProduct product, in Conv2dGeometry g, DeviceBuffer weight)
    {
        if (g.OutChannels == 0)
        {
            return null;
        }

        DeviceBuffer turned = Allocate((long)g.InChannels * g.Taps * product.Pad(g.OutChannels) * product.ElementBytes());
        var arguments = new KernelArguments();
        arguments.Add(Pointer(weight));
        arguments.Add(Pointer(turned));
        arguments.Add(g.OutChannels);
        arguments.Add(g.Taps);
        arguments.Add(g.InChannels);
        arguments.Add(product.PadPart(g.OutChannels));
        Launch(Conv2dPackPlan.TurnedWeights(product, g), arguments);
        return turned;
    }
}
