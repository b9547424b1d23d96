using DilatedKernels.Backends.Cuda.Conv2d;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void Conv2dForward(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer? bias, bool relu, DeviceBuffer y)
    {
        CheckLimits(geometry);
        if (geometry.OutShape.Count == 0)
        {
            return;
        }

        if (ProductFor(geometry, x.ElementType) is { } product)
        {
            MmaForward(product, geometry, x, weight, bias, relu, y);
            return;
        }

        if (GemmFor(geometry, x.ElementType) is { } gemm)
        {
            Multiply(gemm, Conv2dGemm.Forward(geometry, Pointer(x), Pointer(weight), Pointer(y)));
            Finish(geometry.OutShape, bias, relu, y);
            return;
        }

        Conv2dGather gather = Conv2dGather.Forward(geometry);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(x));
        arguments.Add(Pointer(weight));
        arguments.Add(bias is null ? default : Pointer(bias));
        arguments.Add(relu ? 1 : 0);
        arguments.Add(Pointer(y));
        arguments.Add(gather);
        Launch(Conv2dGatherPlan.Choose("fprop", x.ElementType, gather, Conv2dGatherPlan.ForwardIsWide(geometry, Aligned(x, weight))), arguments);
    }

    public override void Conv2dBackwardInput(in Conv2dGeometry geometry, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer? mask, DeviceBuffer dx)
    {
        CheckLimits(geometry);
        if (geometry.InShape.Count == 0)
        {
            return;
        }

        if (ProductFor(geometry, dy.ElementType) is { } product)
        {
            MmaBackwardInput(product, geometry, dy, weight, mask, dx);
            return;
        }

        if (GemmFor(geometry, dy.ElementType) is { } gemm)
        {
            Multiply(gemm, Conv2dGemm.BackwardInput(geometry, Pointer(dy), Pointer(weight), Pointer(dx)));
            if (mask is not null)
            {
                ReluBackward(mask, dx, dx, geometry.InShape.Count);
            }

            return;
        }

        bool wide = Conv2dGatherPlan.BackwardInputIsWide(geometry, Aligned(dy, weight));
        for (int rowPhase = 0; rowPhase < Math.Min(geometry.StrideH, geometry.InHeight); rowPhase++)
        {
            for (int columnPhase = 0; columnPhase < Math.Min(geometry.StrideW, geometry.InWidth); columnPhase++)
            {
                Conv2dGather gather = Conv2dGather.BackwardInput(geometry, rowPhase, columnPhase);
                var arguments = new KernelArguments();
                arguments.Add(Pointer(dy));
                arguments.Add(Pointer(weight));
                arguments.Add(mask is null ? default : Pointer(mask));
                arguments.Add(Pointer(dx));
                arguments.Add(gather);
                Launch(Conv2dGatherPlan.Choose("dgrad", dy.ElementType, gather, wide), arguments);
            }
        }
    }

    public override void Conv2dBackwardWeight(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        CheckLimits(geometry);
        long weights = geometry.WeightShape.Count;
        if (weights == 0 || geometry.OutShape.Positions == 0)
        {
            Fill(dw, weights, 0);
            return;
        }

        if (ProductFor(geometry, x.ElementType) is { } product)
        {
            MmaBackwardWeight(product, geometry, x, dy, dw);
            return;
        }

        if (GemmFor(geometry, x.ElementType) is { } gemm)
        {
            Multiply(gemm, Conv2dGemm.BackwardWeight(geometry, Pointer(x), Pointer(dy), Pointer(dw)));
            return;
        }

        SumWeights(Conv2dWeightPlan.Choose(geometry, x.ElementType, Aligned(x, dy)), geometry, x, dy, dw);
    }

    // The slices' sums, and their sum.
    private void SumWeights(in Conv2dWeightPlan plan, in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        long weights = geometry.WeightShape.Count;
        using DeviceBuffer? scratch = plan.Slices > 1 ? Allocate(plan.Slices * weights * sizeof(float)) : null;
        var first = new KernelArguments();
        first.Add(Pointer(x));
        first.Add(Pointer(dy));
        first.Add(Pointer(scratch ?? dw));
        first.Add(plan.SlicePositions);
        first.Add(Conv2dGather.Forward(geometry));
        Launch(plan.Partial, first);
        if (scratch is not null)
        {
            var second = new KernelArguments();
            second.Add(Pointer(scratch));
            second.Add(Pointer(dw));
            second.Add(plan.Slices);
            second.Add(weights);
            Launch(plan.Finish, second);
        }
    }

    // What our own kernels have in their epilogue.
    private void Finish(in Shape shape, DeviceBuffer? bias, bool relu, DeviceBuffer y)
    {
        if (bias is not null)
        {
            BiasForward(shape, y, bias, y);
        }

        if (relu)
        {
            ReluForward(y, y, shape.Count);
        }
    }

    private Conv2dProduct? ProductFor(in Conv2dGeometry geometry, ElementType type) =>
        Conv2dProducts.Choose(type, Float32Precision, geometry, _context.Device.Architecture, out _);

    private static void CheckLimits(in Conv2dGeometry geometry)
    {
        if (Conv2dLimits.WhyNot(geometry) is { } reason)
        {
            throw new NotSupportedException($"The GPU kernels cannot run this convolution: {reason}.");
        }
    }

    private bool Aligned(DeviceBuffer a) => (Pointer(a).Value & 15) == 0;

    private bool Aligned(DeviceBuffer a, DeviceBuffer b) => Aligned(a) && Aligned(b);
}
