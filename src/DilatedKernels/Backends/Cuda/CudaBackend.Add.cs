using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void Add(DeviceBuffer x, DeviceBuffer z, DeviceBuffer y, long count) => LaunchElementwise(Named(y, "add_f32", "add_bf16"), count, x, z, y);

    /// <summary><c>y = x + z</c> of float32 on another stream than that of all operations; y may be x or z.</summary>
    internal void AddOn(StreamHandle stream, DevicePointer x, DevicePointer z, DevicePointer y, long count)
    {
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(z);
        arguments.Add(y);
        arguments.Add(count);
        Launch(ElementwisePlan.Choose("add_f32", count), arguments, stream);
    }

    public override void ScaleBy(DeviceBuffer x, DeviceBuffer scalar, DeviceBuffer y, long count) => LaunchElementwise(Named(y, "scale_by_f32", "scale_by_bf16"), count, x, scalar, y);

    // Both names are literals, so that a launch makes no string.
    private static string Named(DeviceBuffer activations, string float32, string bfloat16) => activations.ElementType == ElementType.Float32 ? float32 : bfloat16;

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
