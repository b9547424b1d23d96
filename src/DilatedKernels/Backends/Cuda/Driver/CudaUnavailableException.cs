namespace DilatedKernels.Cuda;

/// <summary>No CUDA driver or device can be had; the message says why for each that was tried.</summary>
/// <param name="message">The reasons.</param>
public sealed class CudaUnavailableException(string message) : Exception(message);
