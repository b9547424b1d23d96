using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>
/// The kernels of upsampling with cross-entropy (kernels/softmax/upsample_cross_entropy.cu): some threads a column of outputs, and a block for the columns of
/// <see cref="Cells"/> cells of an input row. A block computes the outputs left of its first cell too, so it has as many cells as its threads have columns for.
/// </summary>
/// <param name="Launch">The kernel and its grid.</param>
/// <param name="Cells">Cells of an input row that a block collects the gradient of.</param>
/// <param name="Tiles">Blocks an input row.</param>
internal readonly record struct UpsampleCrossEntropyPlan(LaunchPlan Launch, int Cells, int Tiles)
{
    /// <summary>The most classes; a label names no more.</summary>
    public const int MostClasses = 256;

    private const int Threads = 128;
    private const int SharedBytes = 48 << 10;

    private static readonly (int Classes, int Lanes)[] s_kernels = [(8, 1), (16, 1), (24, 1), (32, 2), (48, 2), (64, 4), (96, 4), (MostClasses, 8)];

    /// <param name="type">The scores' type.</param>
    /// <param name="geometry">1 image or more, of 1 to <see cref="MostClasses"/> classes.</param>
    /// <exception cref="OverflowException">There are more blocks than a grid has.</exception>
    public static UpsampleCrossEntropyPlan Choose(ElementType type, in UpsampleGeometry geometry)
    {
        int channels = geometry.Channels;
        (int classes, int lanes) = Array.Find(s_kernels, kernel => channels <= kernel.Classes);
        int columns = Threads / lanes;
        int cells = CellsOf(geometry.Columns, columns, channels);
        int tiles = (geometry.InWidth + cells - 1) / cells;
        int even = (geometry.InWidth + tiles - 1) / tiles;
        cells = MostColumns(geometry.Columns, even) <= columns ? even : cells;
        var grid = new Dim3((uint)checked((int)((long)geometry.Batch * geometry.InHeight * tiles)));
        return new(new LaunchPlan($"upsample_cross_entropy_{type.Suffix()}_c{classes}", grid, new Dim3(Threads), Bytes(columns, cells, channels)), cells, tiles);
    }

    private static int CellsOf(ResampleAxis axis, int columns, int channels)
    {
        // As many as have columns if these are spread evenly, and the next.
        int cells = Math.Clamp((int)((long)columns * axis.InExtent / axis.OutExtent) + 1, 1, axis.InExtent);
        while (cells > 1 && (MostColumns(axis, cells) > columns || Bytes(columns, cells, channels) > SharedBytes))
        {
            cells--;
        }

        return cells;
    }

    // The outputs that a block computes: of its cells, and of the one before.
    private static int MostColumns(ResampleAxis axis, int cells)
    {
        int most = 0;
        for (int cell = 0; cell < axis.InExtent; cell += cells)
        {
            most = Math.Max(most, axis.Start[Math.Min(cell + cells, axis.InExtent)] - axis.Start[Math.Max(cell - 1, 0)]);
        }

        return most;
    }

    private static int Bytes(int columns, int cells, int channels) => ((2 * columns * (channels | 1)) + (2 * (cells + 2) * channels)) * sizeof(float);
}
