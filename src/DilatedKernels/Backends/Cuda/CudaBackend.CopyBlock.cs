using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void CopyBlock(in BlockCopy block, DeviceBuffer source, DeviceBuffer target)
    {
        if (block.Extent.Count == 0)
        {
            return;
        }

        CopyBlockPlan plan = CopyBlockPlan.Choose(block, source.ElementType);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(source) + plan.SourceStart);
        arguments.Add(Pointer(target) + plan.TargetStart);
        arguments.Add(plan.Rows);
        arguments.Add(block.Extent.H);
        arguments.Add(plan.Segments);
        arguments.Add(plan.Run);
        arguments.Add(plan.From);
        arguments.Add(plan.To);
        Launch(plan.Launch, arguments);
    }
}
