using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>The distances in memory, in units, that the kernel's struct of the same layout holds.</summary>
internal readonly record struct CopySteps(long Image, long Row, long Run);

/// <summary>A rectangular block as rows of runs (kernels/pointwise/copy_block.cu).</summary>
/// <param name="Launch">The launch.</param>
/// <param name="Rows">Images times rows.</param>
/// <param name="Segments">Runs in a row.</param>
/// <param name="Run">Units in a run.</param>
/// <param name="From">Distances in the source.</param>
/// <param name="To">Distances in the target.</param>
/// <param name="SourceStart">The block's first byte in the source.</param>
/// <param name="TargetStart">The block's first byte in the target.</param>
internal readonly record struct CopyBlockPlan(
    LaunchPlan Launch, int Rows, int Segments, int Run, CopySteps From, CopySteps To, long SourceStart, long TargetStart)
{
    /// <summary>Units are the largest of 16, 4 and 2 bytes that the starts and all distances are multiples of: bits are copied, of whatever type.</summary>
    public static CopyBlockPlan Choose(in BlockCopy block, ElementType type)
    {
        int size = type.Size();
        Shape extent = block.Extent;
        bool wholePixels = extent.C == block.Source.C && extent.C == block.Target.C;
        int segments = wholePixels ? 1 : extent.W;
        long run = wholePixels ? (long)extent.W * extent.C : extent.C;
        CopySteps from = StepsOf(block.Source);
        CopySteps to = StepsOf(block.Target);
        long sourceStart = Start(block.Source, block.SourceOffset) * size;
        long targetStart = Start(block.Target, block.TargetOffset) * size;

        long bytes = ((Odd(from) | Odd(to) | run) * size) | sourceStart | targetStart;
        int unit = bytes % 16 == 0 ? 16 : bytes % 4 == 0 ? 4 : 2;
        int width = unit / size;
        long rows = (long)extent.N * extent.H;
        Dim3 grid = RowPlan.Grid(rows, segments * (run / width), out Dim3 threads);
        return new CopyBlockPlan(
            new LaunchPlan($"copy_block_x{unit}", grid, threads),
            checked((int)rows), segments, checked((int)(run / width)), Divide(from, width), Divide(to, width), sourceStart, targetStart);
    }

    private static CopySteps StepsOf(Shape shape) => new((long)shape.H * shape.W * shape.C, (long)shape.W * shape.C, shape.C);

    private static CopySteps Divide(CopySteps steps, int width) => new(steps.Image / width, steps.Row / width, steps.Run / width);

    private static long Start(Shape shape, Shape at) => (((((long)at.N * shape.H) + at.H) * shape.W) + at.W) * shape.C + at.C;

    // The low bits of all distances at once.
    private static long Odd(CopySteps steps) => steps.Image | steps.Row | steps.Run;
}
