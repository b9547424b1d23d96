using System.Runtime.InteropServices;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>A kernel's argument that changes from step to step, laid out as the kernels' struct of this name (kernels/dk/step_value.cuh).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct StepValue<T>
    where T : unmanaged
{
    private readonly T _value;
    private readonly DevicePointer _place;

    /// <summary>A value that the launch carries.</summary>
    public StepValue(T value) => _value = value;

    /// <summary>A value that the kernel reads when it runs.</summary>
    public StepValue(DevicePointer place) => _place = place;
}
