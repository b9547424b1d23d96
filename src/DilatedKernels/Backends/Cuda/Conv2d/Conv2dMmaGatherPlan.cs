using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>The tile of the forward pass and the data gradient on tensor cores: 128 positions × result channels a block.</summary>
internal static class Conv2dMmaGatherPlan
{
    /// <summary>Positions of a block.</summary>
    public const int TileRows = 128;

    // Blocks that fill the largest GPU once, at two of 256 threads on each of its 132 multiprocessors.
    private const int OneWave = 264;

    // Cost is the work of a tile for a column, relative to the widest: narrower ones copy more for each multiplication.
    private static readonly (int Columns, int Threads, double Cost)[] s_tiles = [(128, 256, 1.0), (64, 128, 1.15), (32, 128, 1.5)];

    /// <summary>Chooses a kernel <c>conv2d_gather_{product}_sm80_...</c>.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="gather">The pass; it has positions and result channels.</param>
    /// <param name="regions">How its positions are cut.</param>
    public static LaunchPlan Choose(Conv2dProduct product, in Conv2dGather gather, in Conv2dRegions regions) => Ways(product, gather, regions)[0].Plan;

    /// <summary>All kernels that serve, the one that is predicted to be the fastest first.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="gather">The pass; it has positions and result channels.</param>
    /// <param name="regions">How its positions are cut.</param>
    public static Conv2dGatherWay[] Ways(Conv2dProduct product, in Conv2dGather gather, in Conv2dRegions regions)
    {
        long rowTiles = regions.Tiles(gather.Batch, TileRows);
        var ways = new List<(Conv2dGatherWay Way, double Cost)>();
        foreach ((int columns, int threads, double cost) in s_tiles)
        {
            if (columns == 128 && product == Conv2dProduct.Tf32x3)
            {
                // Big and small parts take more registers than two blocks of 256 threads have; at three products a byte, half as wide a tile is no slower.
                continue;
            }

            long tiles = CeilingDivide(gather.ResultChannels, columns);

            // Half as wide a tile keeps twice as many multiprocessors busy.
            bool starves = columns == 128 && rowTiles * tiles < OneWave;
            double total = tiles * columns * cost * (starves ? 1.5 : 1);
            var plan = new LaunchPlan($"conv2d_gather_{product.Name()}_sm80_{TileRows}x{columns}", new Dim3((uint)(rowTiles * tiles)), new Dim3((uint)threads));
            ways.Add((new Conv2dGatherWay(plan, columns), total));
        }

        return [.. ways.OrderBy(w => w.Cost).Select(w => w.Way)];
    }

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;
}
