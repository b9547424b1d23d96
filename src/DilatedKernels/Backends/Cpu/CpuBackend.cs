using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// The processor: channels-last, vectorised, multi-threaded. Work is cut into pieces that do not depend on the number of
/// threads, and sums over pieces are added in a fixed order, so every thread count gives the same bits. Its arithmetic takes float32 only;
/// <see cref="WideningBackend"/> brings it what is bfloat16.
/// </summary>
internal sealed unsafe partial class CpuBackend : Backend
{
    private readonly CpuAllocator _allocator = new();
    private readonly WorkerPool _pool;

    public CpuBackend(int threads) => _pool = new WorkerPool(threads);

    public override string Name => "cpu";

    public override MemoryStatistics Memory => _allocator.Statistics;

    public override int Threads => _pool.Threads;

    // What the process may have, be it the machine's or a container's, less what it has.
    public override long FreeBytes => Math.Max(0, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet) + _allocator.Statistics.CachedBytes;

    internal CpuAllocator Allocator => _allocator;

    public override DeviceBuffer Allocate(long bytes) => _allocator.Allocate(bytes);

    public override void Synchronize()
    {
        // Every operation is complete when it returns.
        _allocator.ThrowIfClosed();
    }

    public override void Dispose()
    {
        _pool.Dispose();
        _allocator.Close();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Floats(DeviceBuffer buffer) => (float*)((CpuBuffer)buffer).Pointer;

    private static ushort* Halves(DeviceBuffer buffer) => (ushort*)((CpuBuffer)buffer).Pointer;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Bytes(DeviceBuffer buffer) => ((CpuBuffer)buffer).Pointer;

    /// <summary>Runs <paramref name="body"/> over [0, count) in pieces of <paramref name="grain"/>, whose borders do not depend on the number of threads.</summary>
    private void ForRanges(long count, long grain, Action<long, long> body)
    {
        int pieces = checked((int)((count + grain - 1) / grain));
        _pool.For(pieces, piece =>
        {
            long begin = piece * grain;
            body(begin, Math.Min(count, begin + grain));
        });
    }
}
