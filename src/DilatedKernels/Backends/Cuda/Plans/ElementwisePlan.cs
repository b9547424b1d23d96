using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>Kernels that stride over elements by the size of the grid: any grid gives the same bits.</summary>
internal static class ElementwisePlan
{
    private const int Threads = 256;

    // A thread takes four elements at a time.
    private const int ElementsPerThread = 4;

    // Enough blocks to fill every multiprocessor of a large GPU (8 × 256 threads each); threads loop over what is left.
    private const int MaxBlocks = 132 * 8;

    public static LaunchPlan Choose(string kernel, long count) =>
        new(kernel, new Dim3((uint)Math.Clamp(CeilingDivide(count, Threads * ElementsPerThread), 1, MaxBlocks)), new Dim3(Threads));

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;
}
