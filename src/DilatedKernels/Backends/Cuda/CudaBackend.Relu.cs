namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void ReluForward(DeviceBuffer x, DeviceBuffer y, long count) =>
        LaunchElementwise(Named(y, "relu_forward_f32", "relu_forward_bf16"), count, x, y);

    public override void ReluBackward(DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx, long count) =>
        LaunchElementwise(Named(dx, "relu_backward_f32", "relu_backward_bf16"), count, y, dy, dx);
}
