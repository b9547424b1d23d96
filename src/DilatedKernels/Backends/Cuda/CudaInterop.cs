using DilatedKernels.Backends.Cuda;

namespace DilatedKernels.Cuda;

/// <summary>Tensors and device memory of other CUDA code in the same process, without a copy.</summary>
/// <remarks>
/// Tensors are channels-last. The library queues all work of a device on one stream, <see cref="GetStream"/>, in the device's primary
/// context; other code queues on that stream too, or waits for it with events, and uses the primary context.
/// </remarks>
public static class CudaInterop
{
    private const ulong Alignment = 16;

    /// <summary>The opened device behind a <see cref="Device"/>.</summary>
    /// <param name="device">A GPU.</param>
    /// <exception cref="ArgumentException"><paramref name="device"/> is no GPU.</exception>
    public static ICudaContext GetContext(Device device) => Backend(device).Context;

    /// <summary>The stream that the library queues a device's work on.</summary>
    /// <param name="device">A GPU.</param>
    /// <exception cref="ArgumentException"><paramref name="device"/> is no GPU.</exception>
    public static StreamHandle GetStream(Device device) => Backend(device).Stream;

    /// <summary>Where a tensor's values are. The address holds until the tensor is disposed or its tape frees it.</summary>
    /// <param name="tensor">A tensor on a GPU.</param>
    /// <exception cref="ArgumentException">The tensor is not on a GPU.</exception>
    /// <exception cref="ObjectDisposedException">The tensor has been freed.</exception>
    public static DevicePointer GetPointer(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return tensor.Buffer is ICudaMemory memory
            ? memory.Pointer
            : throw new ArgumentException($"The tensor {tensor.Shape} is on {tensor.Device}; only a tensor on a GPU has an address there.", nameof(tensor));
    }

    /// <summary>Makes a tensor of memory that belongs to other code.</summary>
    /// <param name="device">The GPU that the memory is on.</param>
    /// <param name="shape">The tensor's extents; the memory holds as many values, channels-last.</param>
    /// <param name="pointer">Where the values start; a multiple of 16.</param>
    /// <param name="released">Called once when the tensor is disposed, after which the library queues no more work on the memory; what is queued may still run.</param>
    /// <param name="type">The type of the values.</param>
    /// <returns>A tensor that does not own its memory. The memory must outlive it.</returns>
    /// <exception cref="ArgumentException"><paramref name="device"/> is no GPU, or the address is null or not a multiple of 16.</exception>
    public static Tensor Wrap(Device device, Shape shape, DevicePointer pointer, Action? released = null, ElementType type = ElementType.Float32)
    {
        _ = Backend(device);
        shape.ThrowIfInvalid(nameof(shape));
        if (pointer.Value == 0 || pointer.Value % Alignment != 0)
        {
            throw new ArgumentException($"A tensor's values start at a multiple of {Alignment} bytes; {pointer} is none.", nameof(pointer));
        }

        return new Tensor(device, shape, new BorrowedCudaBuffer(pointer, checked(shape.Count * type.Size()), released) { ElementType = type });
    }

    private static CudaBackend Backend(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Backend as CudaBackend ?? throw new ArgumentException($"The device {device} is no GPU.", nameof(device));
    }
}
