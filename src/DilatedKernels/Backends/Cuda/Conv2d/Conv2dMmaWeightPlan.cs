using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>The launches of the weight gradient on tensor cores: output channels × (taps · padded input channels), split over slices of the positions.</summary>
internal static class Conv2dMmaWeightPlan
{
    // What the slices are chosen for, whatever GPU runs them, since the bits depend on them: 132 multiprocessors, 3 TB/s, and the time in which
    // a multiprocessor multiplies two tiles of 128 × 128 × 64 bytes of the reduction: bfloat16, or half as many TF32 at half the rate.
    private const int Multiprocessors = 132;
    private const double BytesPerMicrosecond = 3e6;
    private const double PairMicroseconds = 0.6;

    // Below this a slice hardly fills the ring of copies; above the other, a float32 sum grows inaccurate.
    private const int ShortestSlice = 256;
    private const int LongestSlice = 1 << 15;
    private const int MostSlices = 256;

    private const int StepBytes = 64;

    // Cost as in Conv2dMmaGatherPlan; Blocks are those of one multiprocessor, SplitBlocks where a thread has a step's sums beside the tile's.
    private static readonly Tile[] s_tiles = [new(128, 128, 256, 2, 2, 1.0), new(64, 128, 128, 3, 2, 1.15), new(32, 128, 128, 4, 3, 1.5)];

    /// <summary>The bits depend on the slices, and those on the shape alone, so that every GPU gives the same.</summary>
    public static Conv2dWeightPlan Choose(Conv2dProduct product, in Conv2dGeometry g)
    {
        int rows = g.OutChannels;
        long columns = (long)g.Taps * product.Pad(g.InChannels);
        Tile tile = ChooseTile(product, rows, columns);
        long positions = g.OutShape.Positions;
        long weights = g.WeightShape.Count;
        long tiles = tile.Count(rows, columns);

        long slice = ChooseSlice(product, tile, tiles, positions, weights);
        long slices = CeilingDivide(positions, slice);
        var partial = new LaunchPlan(
            $"conv2d_wgrad_{product.Name()}_sm80_{tile.Rows}x{tile.Columns}", new Dim3(checked((uint)tiles), checked((uint)slices)), new Dim3((uint)tile.Threads));
        return new Conv2dWeightPlan(partial, ElementwisePlan.Choose("conv2d_wgrad_finish_f32", weights), (int)slices, (int)slice);
    }

    /// <summary>Rows times columns of all tiles.</summary>
    public static long TileArea(Conv2dProduct product, in Conv2dGeometry g)
    {
        long columns = (long)g.Taps * product.Pad(g.InChannels);
        Tile tile = ChooseTile(product, g.OutChannels, columns);
        return tile.Count(g.OutChannels, columns) * tile.Rows * tile.Columns;
    }

    private static Tile ChooseTile(Conv2dProduct product, int rows, long columns) =>
        s_tiles.Where(t => t.Rows < 128 || product != Conv2dProduct.Tf32x3).MinBy(t => t.Count(rows, columns) * t.Rows * t.Columns * t.Cost);

    // More slices keep more multiprocessors busy, and cost their sums: written, and read again.
    private static long ChooseSlice(Conv2dProduct product, Tile tile, long tiles, long positions, long weights)
    {
        int depth = StepBytes / product.ElementBytes(), blocks = product == Conv2dProduct.Tf32x3 ? tile.SplitBlocks : tile.Blocks;
        long best = 0;
        double least = double.PositiveInfinity;
        long fewest = CeilingDivide(positions, LongestSlice);
        long most = Math.Max(fewest, Math.Min(MostSlices, positions / ShortestSlice));
        double stepMicroseconds = PairMicroseconds * (product == Conv2dProduct.Tf32x3 ? 3 : 1) * blocks * tile.Rows * tile.Columns / (2 * 128 * 128);
        for (long slices = fewest; slices <= most; slices++)
        {
            long slice = CeilingDivide(CeilingDivide(positions, slices), depth) * depth;
            long waves = CeilingDivide(tiles * CeilingDivide(positions, slice), (long)Multiprocessors * blocks);
            double microseconds = (waves * (slice / depth) * stepMicroseconds) + (slices > 1 ? slices * weights * 8 / BytesPerMicrosecond : 0);
            if (microseconds < least)
            {
                (best, least) = (slice, microseconds);
            }
        }

        return best;
    }

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;

    private readonly record struct Tile(int Rows, int Columns, int Threads, int Blocks, int SplitBlocks, double Cost)
    {
        public long Count(int rows, long columns) => CeilingDivide(rows, Rows) * CeilingDivide(columns, Columns);
    }
}
