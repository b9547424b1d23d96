using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void Add(DeviceBuffer x, DeviceBuffer z, DeviceBuffer y, long count) => LaunchElementwise("add_f32", count, x, z, y);

    public override void ScaleBy(DeviceBuffer x, DeviceBuffer scalar, DeviceBuffer y, long count) => LaunchElementwise("scale_by_f32", count, x, scalar, y);

    /// <summary>Kernels that take pointers and then the number of elements.</summary>
    private void LaunchElementwise(string kernel, long count, params ReadOnlySpan<DeviceBuffer> buffers)
    {
        if (count == 0)
        {
            return;
        }

        var arguments = new KernelArguments();
        foreach (DeviceBuffer buffer in buffers)
        {
            arguments.Add(Pointer(buffer));
        }

        arguments.Add(count);
        Launch(ElementwisePlan.Choose(kernel, count), arguments);
    }
}
