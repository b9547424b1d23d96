using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>A buffer in GPU memory, whoever owns it.</summary>
internal interface ICudaMemory
{
    /// <summary>Where it starts.</summary>
    /// <exception cref="ObjectDisposedException">It has been given back.</exception>
    DevicePointer Pointer { get; }
}
