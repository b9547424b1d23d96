using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DilatedKernels.Backends.Cpu;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Measuring;

/// <summary>
/// What the processor's fused multiply-adds can do: a loop of them on registers alone, in twelve chains, which is more than latency times units of any
/// processor so far.
/// </summary>
internal sealed unsafe class FmaPeak : IDisposable
{
    public const int Chains = 12;

    private const int Steps = 50_000;
    private const int PiecesPerThread = 8;

    private readonly WorkerPool _pool;
    private readonly delegate*<int, void*, void> _loop;

    /// <param name="threads">How many threads run the loop.</param>
    /// <param name="lanes">Floats of a vector: 4, 8 or 16.</param>
    public FmaPeak(int threads, int lanes)
    {
        _pool = new WorkerPool(threads);
        Lanes = lanes;
        _loop = LoopOf(lanes);
    }

    /// <summary>The widest vectors that this process uses.</summary>
    public static int WidestLanes => Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;

    public int Lanes { get; }

    /// <summary>10⁹ floating-point operations a second, all threads together, over a few milliseconds.</summary>
    public double Measure()
    {
        int pieces = _pool.Threads * PiecesPerThread;
        long start = Stopwatch.GetTimestamp();
        _pool.For(pieces, Run);
        return 2.0 * Chains * Lanes * Steps * pieces / Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }

    public void Dispose() => _pool.Dispose();

    /// <summary>Runs the loop of one width; <paramref name="vector"/> has room for a vector.</summary>
    internal static void RunLoop(int lanes, int steps, void* vector) => LoopOf(lanes)(steps, vector);

    private static delegate*<int, void*, void> LoopOf(int lanes) => lanes switch
    {
        4 => &Loop<Vector128<float>, Width128>,
        8 => &Loop<Vector256<float>, Width256>,
        _ => &Loop<Vector512<float>, Width512>,
    };

    private void Run(int piece)
    {
        float* vector = stackalloc float[16];
        new Span<float>(vector, 16).Fill(0.5f);
        _loop(Steps, vector);
    }

    // Nothing may be called, and no vector lie in an array, while the sums live: the compiler would keep them in memory.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Loop<TVector, TWidth>(int steps, void* vector)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        // s = s / 2 + 1 / 2 stays at 1: no number grows, and none becomes subnormal.
        TVector factor = TWidth.Load(vector);
        TVector addend = factor;
        TVector s0 = factor, s1 = factor, s2 = factor, s3 = factor, s4 = factor, s5 = factor, s6 = factor, s7 = factor, s8 = factor, s9 = factor, s10 = factor, s11 = factor;
        for (; steps > 0; steps--)
        {
            s0 = TWidth.MultiplyAdd(s0, factor, addend);
            s1 = TWidth.MultiplyAdd(s1, factor, addend);
            s2 = TWidth.MultiplyAdd(s2, factor, addend);
            s3 = TWidth.MultiplyAdd(s3, factor, addend);
            s4 = TWidth.MultiplyAdd(s4, factor, addend);
            s5 = TWidth.MultiplyAdd(s5, factor, addend);
            s6 = TWidth.MultiplyAdd(s6, factor, addend);
            s7 = TWidth.MultiplyAdd(s7, factor, addend);
            s8 = TWidth.MultiplyAdd(s8, factor, addend);
            s9 = TWidth.MultiplyAdd(s9, factor, addend);
            s10 = TWidth.MultiplyAdd(s10, factor, addend);
            s11 = TWidth.MultiplyAdd(s11, factor, addend);
        }

        s0 = TWidth.Add(TWidth.Add(TWidth.Add(s0, s1), TWidth.Add(s2, s3)), TWidth.Add(TWidth.Add(s4, s5), TWidth.Add(s6, s7)));
        s8 = TWidth.Add(TWidth.Add(s8, s9), TWidth.Add(s10, s11));
        TWidth.Store(TWidth.Add(s0, s8), vector);
    }
}
