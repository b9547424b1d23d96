using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void BiasForward(in Shape shape, DeviceBuffer x, DeviceBuffer bias, DeviceBuffer y)
    {
        if (shape.Count == 0)
        {
            return;
        }

        var arguments = new KernelArguments();
        arguments.Add(Pointer(x));
        arguments.Add(Pointer(bias));
        arguments.Add(Pointer(y));
        arguments.Add(shape.Positions);
        arguments.Add(shape.C);
        Launch(ElementwisePlan.Choose(Named(y, "bias_forward_f32", "bias_forward_bf16"), shape.Count), arguments);
    }

    public override void BiasBackward(in Shape shape, DeviceBuffer dy, DeviceBuffer db)
    {
        if (shape.C == 0)
        {
            return;
        }

        BiasPlan plan = BiasPlan.Choose(shape.Positions, shape.C, dy.ElementType);
        using DeviceBuffer partial = Allocate((long)plan.Slices * shape.C * sizeof(double));
        var first = new KernelArguments();
        first.Add(Pointer(dy));
        first.Add(Pointer(partial));
        first.Add(shape.Positions);
        first.Add(shape.C);
        first.Add(plan.SlicePositions);
        Launch(plan.Partial, first);

        var second = new KernelArguments();
        second.Add(Pointer(partial));
        second.Add(Pointer(db));
        second.Add(plan.Slices);
        second.Add(shape.C);
        Launch(plan.Finish, second);
    }
}
