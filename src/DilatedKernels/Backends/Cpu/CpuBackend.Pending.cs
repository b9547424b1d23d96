namespace DilatedKernels.Backends.Cpu;

// Operations still to come; each line goes when its file arrives.
internal sealed unsafe partial class CpuBackend
{
    public override void Conv2dForward(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer? bias, bool relu, DeviceBuffer y) => throw new NotSupportedException();

    public override void Conv2dBackwardInput(in Conv2dGeometry geometry, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer dx) => throw new NotSupportedException();

    public override void Conv2dBackwardWeight(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw) => throw new NotSupportedException();

    public override void BiasForward(in Shape shape, DeviceBuffer x, DeviceBuffer bias, DeviceBuffer y) => throw new NotSupportedException();

    public override void BiasBackward(in Shape shape, DeviceBuffer dy, DeviceBuffer db) => throw new NotSupportedException();

    public override void ReluForward(DeviceBuffer x, DeviceBuffer y, long count) => throw new NotSupportedException();

    public override void ReluBackward(DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx, long count) => throw new NotSupportedException();
}
