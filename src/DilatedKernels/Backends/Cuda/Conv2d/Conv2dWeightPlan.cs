using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>The launches of the weight gradient: output channels × (taps · input channels), split over slices of the positions.</summary>
/// <param name="Partial">One sum a weight and slice.</param>
/// <param name="Finish">Adds the slices in order; not launched when there is one.</param>
/// <param name="Slices">The number of slices.</param>
/// <param name="SlicePositions">Positions in a slice; the last has what is left.</param>
internal readonly record struct Conv2dWeightPlan(LaunchPlan Partial, LaunchPlan Finish, int Slices, int SlicePositions)
{
    // Enough blocks to fill the largest GPU: 132 multiprocessors with four blocks of 128 threads.
    private const int Blocks = 528;

    // Below this, a slice's partial sums cost more than they save; above the other, a float32 sum grows inaccurate.
    private const int ShortestSlice = 256;
    private const int LongestSlice = 1 << 15;
    private const int Depth = 8;

    // Cost as in Conv2dGatherPlan; loading one channel at a time makes a tile dearer.
    private static readonly Tile[] s_tiles =
    [
        new(128, 128, 256, true, true, 1.0), new(64, 128, 128, true, true, 1.1), new(32, 128, 128, false, true, 1.4), new(64, 32, 64, true, false, 1.6),
        new(128, 128, 256, false, false, 1.3), new(64, 128, 128, false, false, 1.4), new(32, 128, 128, false, false, 1.6), new(64, 32, 64, false, false, 1.9),
    ];

    /// <summary>The bits depend on the slices, and those on the shape alone, so that every GPU gives the same.</summary>
    public static Conv2dWeightPlan Choose(in Conv2dGeometry g, ElementType type, bool aligned)
    {
        int rows = g.OutChannels;
        long columns = (long)g.Taps * g.InChannels;
        long positions = (long)g.Batch * g.OutHeight * g.OutWidth;

        Tile best = default;
        double least = double.PositiveInfinity;
        foreach (Tile tile in s_tiles)
        {
            if (type == ElementType.BFloat16 && tile is { Threads: 256, WideRows: true })
            {
                // Widening eight elements at once takes more registers than two blocks of 256 threads have.
                continue;
            }

            double total = tile.Count(rows, columns) * tile.Rows * tile.Columns * tile.Cost;
            if (total < least && tile.Fits(g, type.Wide(), aligned))
            {
                (best, least) = (tile, total);
            }
        }

        long tiles = best.Count(rows, columns);
        long wanted = Math.Clamp(CeilingDivide(positions * tiles, Blocks), ShortestSlice, LongestSlice);
        long slice = CeilingDivide(wanted, Depth) * Depth;
        long slices = Math.Max(1, CeilingDivide(positions, slice));
        int rowWidth = best.WideRows ? type.Wide() : 1;
        int columnWidth = best.WideColumns ? type.Wide() : 1;
        string kernel = $"conv2d_wgrad_{type.Suffix()}_{best.Rows}x{best.Columns}_k{rowWidth}c{columnWidth}";
        var partial = new LaunchPlan(kernel, new Dim3(checked((uint)tiles), checked((uint)slices)), new Dim3((uint)best.Threads));
        return new Conv2dWeightPlan(partial, ElementwisePlan.Choose("conv2d_wgrad_finish_f32", rows * columns), (int)slices, (int)slice);
    }

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;

    private readonly record struct Tile(int Rows, int Columns, int Threads, bool WideRows, bool WideColumns, double Cost)
    {
        public long Count(int rows, long columns) => CeilingDivide(rows, Rows) * CeilingDivide(columns, Columns);

        public bool Fits(in Conv2dGeometry g, int width, bool aligned) =>
            (!WideRows || (aligned && g.OutChannels % width == 0)) && (!WideColumns || (aligned && g.InChannels % width == 0));
    }
}
