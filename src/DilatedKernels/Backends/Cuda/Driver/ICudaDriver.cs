namespace DilatedKernels.Cuda;

/// <summary>
/// The seam between the library and a CUDA driver. Everything the library asks of a GPU goes through it, so that the same
/// backend and the same kernels run over every binding: libcuda called directly, ManagedCuda, or kernels compiled for the processor.
/// </summary>
/// <remarks>
/// Public so that a binding can live in an assembly of its own, under terms of its own, and be versioned on its own; applications use
/// <see cref="Device"/> instead. Safe to call from any thread.
/// </remarks>
public interface ICudaDriver
{
    /// <summary>A short name, as <c>--driver</c> takes it.</summary>
    string Name { get; }

    /// <summary>What was loaded, for a person to read: the library's file and the CUDA version it offers.</summary>
    string Description { get; }

    /// <summary>The number of devices; 0 is possible.</summary>
    int DeviceCount { get; }

    /// <summary>Says what a device is.</summary>
    /// <param name="ordinal">0 to <see cref="DeviceCount"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    CudaDeviceDescription Describe(int ordinal);

    /// <summary>One property of a device.</summary>
    /// <param name="ordinal">0 to <see cref="DeviceCount"/> − 1.</param>
    /// <param name="property">Which.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    int GetProperty(int ordinal, DeviceProperty property);

    /// <summary>
    /// Opens a device: its primary context, the one that the CUDA runtime and other libraries of the process share.
    /// </summary>
    /// <param name="ordinal">0 to <see cref="DeviceCount"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    ICudaContext Open(int ordinal);
}
