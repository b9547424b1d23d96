using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void MaxPoolForward(in Pool2dGeometry geometry, DeviceBuffer x, DeviceBuffer y, DeviceBuffer? winner) =>
        LaunchPool("max_pool_forward", x.ElementType, geometry, geometry.OutShape, Pointer(x), Pointer(y), winner is null ? default : Pointer(winner));

    public override void MaxPoolBackward(in Pool2dGeometry geometry, DeviceBuffer dy, DeviceBuffer winner, DeviceBuffer dx) =>
        LaunchPool("max_pool_backward", dy.ElementType, geometry, geometry.InShape, Pointer(dy), Pointer(winner), Pointer(dx));

    /// <param name="kernel">The kernel's name without its type.</param>
    /// <param name="type">The activations' type.</param>
    /// <param name="geometry">The window; its channels are elements.</param>
    /// <param name="over">The shape that the threads cover.</param>
    /// <param name="buffers">The kernel's pointers.</param>
    private void LaunchPool(string kernel, ElementType type, in Pool2dGeometry geometry, in Shape over, params ReadOnlySpan<DevicePointer> buffers)
    {
        if (over.Count == 0)
        {
            return;
        }

        int width = RowPlan.Width(geometry.Channels, type);
        var arguments = new KernelArguments();
        arguments.Add(geometry with { Channels = geometry.Channels / width });
        foreach (DevicePointer buffer in buffers)
        {
            arguments.Add(buffer);
        }

        Launch(RowPlan.Choose(kernel, type, width, (long)over.N * over.H, (long)over.W * over.C / width), arguments);
    }
}
