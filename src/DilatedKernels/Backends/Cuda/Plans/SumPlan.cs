using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>Sums in two launches: one partial sum a block, then the partial sums in order (kernels/pointwise/sum.cu).</summary>
internal static class SumPlan
{
    private const int Threads = 256;
    private const int ElementsPerBlock = 4096;
    private const int MostBlocks = 1024;

    /// <summary>The number of blocks follows from the count alone, so that every GPU adds in the same order.</summary>
    public static LaunchPlan SquaresPartial(long count) => new(
        "sum_of_squares_partial_f32", new Dim3((uint)Math.Clamp((count + ElementsPerBlock - 1) / ElementsPerBlock, 1, MostBlocks)), new Dim3(Threads));

    /// <summary>One thread for one number (kernels/optimizer/clip.cu).</summary>
    public static LaunchPlan ClipFactor => new("clip_factor_f32", new Dim3(1), new Dim3(32));

    public static LaunchPlan Finish => new("sum_partials_f32", new Dim3(1), new Dim3(Threads));
}
