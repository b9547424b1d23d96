using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void SumOfSquares(DeviceBuffer x, long count, DeviceBuffer result)
    {
        LaunchPlan plan = SumPlan.SquaresPartial(count);
        int blocks = (int)plan.Grid.X;
        using DeviceBuffer partial = Allocate((long)blocks * sizeof(double));
        var arguments = new KernelArguments();
        arguments.Add(Pointer(x));
        arguments.Add(Pointer(partial));
        arguments.Add(count);
        Launch(plan, arguments);
        SumPartials(partial, blocks, new StepValue<double>(1), result);
    }

    public override void ClipFactor(DeviceBuffer squares, float most, DeviceBuffer factor)
    {
        var arguments = new KernelArguments();
        arguments.Add(Pointer(squares));
        arguments.Add(most);
        arguments.Add(Pointer(factor));
        Launch(SumPlan.ClipFactor, arguments);
    }

    /// <summary><c>result[0] = Σ partial / divisor</c>, with the partial sums in double precision and a fixed order.</summary>
    private void SumPartials(DeviceBuffer partial, int count, StepValue<double> divisor, DeviceBuffer result)
    {
        var arguments = new KernelArguments();
        arguments.Add(Pointer(partial));
        arguments.Add(count);
        arguments.Add(divisor);
        arguments.Add(Pointer(result));
        Launch(SumPlan.Finish, arguments);
    }
}
