namespace DilatedKernels;

/// <summary>What a device's allocator holds.</summary>
/// <param name="LiveBytes">Bytes in buffers that are in use.</param>
/// <param name="LiveBuffers">Buffers that are in use.</param>
/// <param name="PeakBytes">The highest <paramref name="LiveBytes"/> so far.</param>
/// <param name="CachedBytes">Bytes kept for reuse.</param>
public readonly record struct MemoryStatistics(long LiveBytes, int LiveBuffers, long PeakBytes, long CachedBytes);
