namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void ReluForward(DeviceBuffer x, DeviceBuffer y, long count) => LaunchElementwise("relu_forward_f32", count, x, y);

    public override void ReluBackward(DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx, long count) => LaunchElementwise("relu_backward_f32", count, y, dy, dx);
}
