using ManagedCuda;
using ManagedCuda.BasicTypes;

namespace DilatedKernels.Cuda;

/// <summary>
/// Tensors and ManagedCuda's device variables over the same memory, for programs that already use ManagedCuda. They use
/// <see cref="PrimaryContext"/>, in which the library works too, and order their work by <see cref="GetStream"/>.
/// </summary>
public static class ManagedCudaTensors
{
    /// <summary>A device variable over a tensor's memory. It does not own the memory, and holds until the tensor is disposed or its tape frees it.</summary>
    /// <param name="tensor">A float32 tensor on a GPU; its values are channels-last.</param>
    /// <exception cref="ArgumentException">The tensor is not on a GPU, or not float32.</exception>
    public static CudaDeviceVariable<float> AsDeviceVariable(this Tensor tensor)
    {
        DevicePointer pointer = CudaInterop.GetPointer(tensor);
        if (tensor.ElementType != ElementType.Float32)
        {
            throw new ArgumentException($"A device variable of floats is over a float32 tensor; this one is {tensor.ElementType}.", nameof(tensor));
        }

        return new CudaDeviceVariable<float>(new CUdeviceptr(pointer.Value), false, tensor.Shape.Count * sizeof(float));
    }

    /// <summary>A tensor over a device variable's memory. It does not own the memory, which must outlive it.</summary>
    /// <param name="variable">As many values as the shape has, channels-last.</param>
    /// <param name="device">The GPU that it is on.</param>
    /// <param name="shape">The tensor's extents.</param>
    /// <exception cref="ArgumentException">The number of values differs from the shape's count, or <paramref name="device"/> is no GPU.</exception>
    public static Tensor AsTensor(this CudaDeviceVariable<float> variable, Device device, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(variable);
        long count = variable.Size;
        if (count != shape.Count)
        {
            throw new ArgumentException($"The shape {shape} has {shape.Count} elements, but the device variable has {count}.", nameof(shape));
        }

        return CudaInterop.Wrap(device, shape, new DevicePointer(variable.DevicePointer.Pointer));
    }

    /// <summary>The stream that the library queues a device's work on, as ManagedCuda's. It does not own the stream.</summary>
    /// <param name="device">A GPU.</param>
    /// <exception cref="ArgumentException"><paramref name="device"/> is no GPU.</exception>
    public static CudaStream GetStream(Device device) => new(new CUstream { Pointer = CudaInterop.GetStream(device).Value }, false);
}
