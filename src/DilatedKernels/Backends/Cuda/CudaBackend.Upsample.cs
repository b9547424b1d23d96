using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private readonly ResampleTables _resampling = new();

    public override void UpsampleForward(in UpsampleGeometry geometry, DeviceBuffer x, DeviceBuffer y) =>
        LaunchUpsample("upsample_bilinear_forward", geometry, geometry.OutShape, x, y);

    public override void UpsampleBackward(in UpsampleGeometry geometry, DeviceBuffer dy, DeviceBuffer dx) =>
        LaunchUpsample("upsample_bilinear_backward", geometry, geometry.InShape, dy, dx);

    private void LaunchUpsample(string kernel, in UpsampleGeometry geometry, in Shape over, DeviceBuffer from, DeviceBuffer to)
    {
        if (over.Count == 0)
        {
            return;
        }

        // Nobody makes room among the tables before the kernel that reads these is queued.
        using Lock.Scope gate = _gate.EnterScope();
        int width = RowPlan.Width(over.C, from.ElementType);
        (ResampleAxisTable rows, ResampleAxisTable columns) = _resampling.Get(this, geometry);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(from));
        arguments.Add(Pointer(to));
        arguments.Add(over.N);
        arguments.Add(over.C / width);
        arguments.Add(rows);
        arguments.Add(columns);
        Launch(RowPlan.Choose(kernel, from.ElementType, width, (long)over.N * over.H, (long)over.W * over.C / width), arguments);
    }
}
