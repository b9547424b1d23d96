using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// The convolution on tensor cores. Channels that are no whole granules are padded in scratch memory, and float32 for Hopper's kernels is split there, at its size or 1.5 times that;
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
        Gather(product, gather, new GatherOperands(padded ?? x, packed ?? weight, bias, Mask: null, relu, y));
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
            Gather(product, phase, new GatherOperands(padded ?? dy, turned ?? weight, Bias: null, mask, Relu: false, dx));
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
        product = product.OfWeightsOnDevice(geometry, _context.Device.Architecture);
        using DeviceBuffer? paddedX = PadActivations(product, x, geometry.InShape.Positions, geometry.InChannels);
        using DeviceBuffer? paddedDy = PadActivations(product, dy, geometry.OutShape.Positions, geometry.OutChannels);
        if (Conv2dWgmmaWeightPlan.WhyNot(product, geometry, _context.Device.Architecture) is null)
        {
            WgmmaSumWeights(product, geometry, paddedX ?? x, paddedDy ?? dy, dw);
            return;
        }

        SumWeights(Conv2dMmaWeightPlan.Choose(product, geometry), geometry, paddedX ?? x, paddedDy ?? dy, dw);
    }

    private void Gather(Conv2dProduct product, in Conv2dGather gather, in GatherOperands operands)
    {
        if (Conv2dWgmmaGatherPlan.WhyNot(product, gather, _context.Device.Architecture) is null)
        {
            WgmmaGather(product, gather, operands);
            return;
        }

        // A phase without taps: whatever multiplies, zeros are written.
        MmaGather(product == Conv2dProduct.Bf16x6 ? Conv2dProduct.Tf32x3 : product, gather, operands);
    }

    private void MmaGather(Conv2dProduct product, in Conv2dGather gather, in GatherOperands operands)
    {
        var regions = Conv2dRegions.Choose(gather, Conv2dMmaGatherPlan.TileRows);
        LaunchPlan plan = ChoosesByPlan ? Conv2dMmaGatherPlan.Choose(product, gather, regions) : ChosenMma(product, gather, regions, operands);
        MmaGather(plan, gather, regions, operands);
    }

    private LaunchPlan ChosenMma(Conv2dProduct product, Conv2dGather gather, Conv2dRegions regions, GatherOperands operands) =>
        Chosen(product, gather, Conv2dMmaGatherPlan.Ways(product, gather, regions), (way, times) => MmaGather(way.Plan, gather, regions, operands, times)).Plan;

    private void MmaGather(in LaunchPlan plan, in Conv2dGather gather, in Conv2dRegions regions, in GatherOperands operands, int times = 1)
    {
        var arguments = new KernelArguments();
        arguments.Add(Pointer(operands.Source));
        arguments.Add(Pointer(operands.Weight));
        AddResult(ref arguments, operands);
        arguments.Add(gather);
        arguments.Add(regions);
        for (int i = 0; i < times; i++)
        {
            Launch(plan, arguments);
        }
    }

    private void AddResult(ref KernelArguments arguments, in GatherOperands operands)
    {
        arguments.Add(operands.Bias is { } bias ? Pointer(bias) : default);
        arguments.Add(operands.Mask is { } mask ? Pointer(mask) : default);
        arguments.Add(operands.Relu ? 1 : 0);
        arguments.Add(Pointer(operands.Result));
    }

    private bool ChoosesByPlan => Tuning is null && Way is null;

    /// <summary>One of the ways, which write the same result: several times over where they have to be timed.</summary>
    private Conv2dGatherWay Chosen(Conv2dProduct product, in Conv2dGather gather, Conv2dGatherWay[] ways, Action<Conv2dGatherWay, int> launch)
    {
        if (Way is { } choose)
        {
            return choose(ways);
        }

        using Lock.Scope gate = _gate.EnterScope();
        string shape = Conv2dTuning.Describe(product, gather, _context.Device.Architecture, Sharing);
        return Tuning!.Choose(shape, ways, Recording is null ? way => Time(times => launch(way, times)) : null);
    }

    /// <summary>Milliseconds of a launch, infinite where the driver refuses it. Several are queued, so that the time is the kernel's and not that of the call.</summary>
    private double Time(Action<int> launch)
    {
        const double Enough = 1;
        const int Few = 3, Many = 50;
        EventHandle start = default, end = default;
        try
        {
            (start, end) = (_context.CreateEvent(timing: true), _context.CreateEvent(timing: true));
            // It loads the kernel.
            launch(1);
            double few = TimeGroup(Few);
            return few >= Enough ? few / Few : TimeGroup(Many) / Many;
        }
        catch (CudaException e) when (!Noted(e).IsFatal)
        {
            return double.PositiveInfinity;
        }
        finally
        {
            Destroy(start);
            Destroy(end);
        }

        double TimeGroup(int launches)
        {
            _context.Record(start, _stream);
            launch(launches);
            _context.Record(end, _stream);
            Synchronize();
            return _context.GetMilliseconds(start, end);
        }

        void Destroy(EventHandle handle)
        {
            try
            {
                if (handle != default)
                {
                    _context.DestroyEvent(handle);
                }
            }
            catch (CudaException)
            {
                // What failed before must not be hidden.
            }
        }
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

    /// <summary>What a forward pass or data gradient reads and writes: the operands as the kernels take them, padded or turned.</summary>
    private readonly record struct GatherOperands(DeviceBuffer Source, DeviceBuffer Weight, DeviceBuffer? Bias, DeviceBuffer? Mask, bool Relu, DeviceBuffer Result);
}
