using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>The soft Dice loss: sums a block, their sum, the gradient (kernels/softmax/dice.cu).</summary>
internal static class DicePlan
{
    private const int Threads = 256;
    private const int LeastSpan = 512;
    private const int MostBlocks = 1024;

    /// <summary>Pixels of a block. They follow from the number of pixels alone, so that every GPU adds in the same order.</summary>
    public static int Span(long positions) => (int)Math.Max(LeastSpan, (positions + MostBlocks - 1) / MostBlocks);

    public static LaunchPlan Sums(long positions) => Each("dice_sums_f32", positions);

    public static LaunchPlan Gradient(long positions) => Each("dice_gradient_f32", positions);

    public static LaunchPlan Finish => new("dice_finish_f32", new Dim3(1), new Dim3(Threads));

    private static LaunchPlan Each(string kernel, long positions) => new(kernel, new Dim3((uint)((positions + Span(positions) - 1) / Span(positions))), new Dim3(Threads));
}
