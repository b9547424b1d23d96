using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void ReflectionPadForward(in ReflectionPadGeometry geometry, DeviceBuffer x, DeviceBuffer y) =>
        LaunchReflectionPad("reflection_pad_forward", geometry, geometry.Out, x, y);

    public override void ReflectionPadBackward(in ReflectionPadGeometry geometry, DeviceBuffer dy, DeviceBuffer dx) =>
        LaunchReflectionPad("reflection_pad_backward", geometry, geometry.In, dy, dx);

    private void LaunchReflectionPad(string kernel, in ReflectionPadGeometry geometry, in Shape over, DeviceBuffer from, DeviceBuffer to)
    {
        if (over.Count == 0)
        {
            return;
        }

        int width = RowPlan.Width(over.C, from.ElementType);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(from));
        arguments.Add(Pointer(to));
        arguments.Add(over.N);
        arguments.Add(over.C / width);
        arguments.Add(new PadAxis(geometry.Top, geometry.Bottom, geometry.In.H));
        arguments.Add(new PadAxis(geometry.Left, geometry.Right, geometry.In.W));
        Launch(RowPlan.Choose(kernel, from.ElementType, width, (long)over.N * over.H, (long)over.W * over.C / width), arguments);
    }

    /// <summary>One axis, laid out as the kernels' struct.</summary>
    private readonly record struct PadAxis(int Leading, int Trailing, int Extent);
}
