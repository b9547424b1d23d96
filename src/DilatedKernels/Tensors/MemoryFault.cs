using DilatedKernels.Cuda;

namespace DilatedKernels;

/// <summary>Says what memory was wanted for, where a device has none left.</summary>
internal static class MemoryFault
{
    public static bool Is(Exception error) => error is OutOfMemoryException or CudaException { Code: CudaException.OutOfMemory };

    /// <summary>The same failure with one more sentence.</summary>
    public static Exception Explain(Exception error, string detail) =>
        error is CudaException failure ? failure.WithDetail(detail) : new InsufficientMemoryException($"{error.Message} {detail}", error);
}
