using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// The weight gradient on Hopper's tensor cores (kernels/conv2d/conv2d_wgrad_bf16_sm90.cu, ..._bf16x3_sm90.cu, ..._bf16x6_sm90.cu): the tile, output channels × (taps · input channels), and how many workers
/// take whole tiles, wave by wave, and share the steps of the rest. All are chosen from the shape alone, whatever GPU runs them, since the bits depend on the workers.
/// </summary>
/// <param name="Partial">Whole tiles, and the parts of the others. With a cluster of two where a worker is a pair of blocks: of neighbouring tiles of output channels and the same columns.</param>
/// <param name="Finish">Adds the parts in order; null when there are none.</param>
/// <param name="Workers">Each has as many steps as the others.</param>
/// <param name="Waves">Whole tiles of a worker's block.</param>
/// <param name="Blocks">Those of a worker.</param>
/// <param name="RowBoxes">Output channels of a tile, in 64.</param>
/// <param name="Columns">Columns of one of a block's two consumers.</param>
/// <param name="Taps">The positions of each tap (see <see cref="Conv2dTapPositions"/>).</param>
internal readonly record struct Conv2dWgmmaWeightPlan(
    LaunchPlan Partial, LaunchPlan? Finish, int Workers, int Waves, int Blocks, int RowBoxes, int Columns, Conv2dRegions Taps)
{
    /// <summary>Positions of a step, and the pixels of a load.</summary>
    public const int StepPositions = 64;

    /// <summary>Channels of a load.</summary>
    public const int BoxChannels = 64;

    private const int Threads = 384;
    private const int BoxBytes = StepPositions * BoxChannels * 2;

    // The multiprocessors that the work is divided for; with others the bits are the same, and it takes a little longer.
    private const int Multiprocessors = 132;

    // Fewer hardly fill the ring of copies; after more, a sum that stays in the tensor cores grows inaccurate: each product cuts off up to 2^-24 of it. There are 4 a step, and
    // 12 of two parts, which are to be closer than TF32 with its 3e-4.
    private const int FewestSteps = 4;
    private const int MostSteps = 1 << 10;
    private const int MostStepsOfHalves = 1 << 8;

    // How much faster than those for sm_80 these products are, on paper: than bfloat16's, and than one or three of TF32.
    private const double Faster = 1.6;
    private const double SplitFaster = 1.3;

    // Columns of a block's two consumers to a name: those with 64 rows share them out.
    private static readonly Tile[] s_tiles = [new(2, 256), new(2, 224), new(2, 192), new(2, 168), new(2, 128), new(1, 192), new(1, 128), new(1, 64)];
    private static readonly Tile[] s_pairs = [new(2, 256, 2), new(2, 224, 2), new(2, 168, 2), new(2, 128, 2)];

    private static readonly Tile[] s_halfTiles = [new(2, 256, 1, Conv2dProduct.Bf16x3), new(2, 128, 1, Conv2dProduct.Bf16x3), new(1, 128, 1, Conv2dProduct.Bf16x3)];
    private static readonly Tile[] s_halfPairs = [new(2, 256, 2, Conv2dProduct.Bf16x3), new(2, 128, 2, Conv2dProduct.Bf16x3)];

    // A thread has the sums of a stage beside those of the tile.
    private static readonly Tile[] s_splitTiles = [new(2, 128, 1, Conv2dProduct.Bf16x6)];
    private static readonly Tile[] s_splitPairs = [new(2, 128, 2, Conv2dProduct.Bf16x6)];

    /// <summary>Bytes of the parts' sums: two parts a worker's block.</summary>
    public long PartialBytes => 2L * Workers * Blocks * 64 * RowBoxes * AcrossOf(RowBoxes, Columns) * sizeof(float);

    /// <summary>Why the kernel does not run a weight gradient that those for sm_80 can; null when it does.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="g">The convolution; it has weights and positions.</param>
    /// <param name="architecture">The device's compute capability as 10·major + minor.</param>
    public static string? WhyNot(Conv2dProduct product, in Conv2dGeometry g, int architecture)
    {
        string? whyNot = Conv2dWgmmaGatherPlan.WhyNoProducts(architecture)
            ?? (product is Conv2dProduct.Tf32 or Conv2dProduct.Tf32x3 ? $"there is no kernel for sm_90 that multiplies {product.Name()} across positions: wgmma reads them in 16 bits alone" : null)
            ?? Conv2dWgmmaGatherPlan.WhyNotFed(product, Conv2dGather.Forward(g));
        if (whyNot is not null)
        {
            return whyNot;
        }

        // The copy engine walks along dy as along x.
        long imageBytes = product.Pad(g.OutChannels) * product.ElementBytes() * g.OutHeight * g.OutWidth;
        if (imageBytes >= Conv2dWgmmaGatherPlan.MostStride)
        {
            return $"an image of {imageBytes} bytes is more than a tensor map's stride of 2^40";
        }

        Tile tile = Cheapest(Tiles(product), g);
        Conv2dProduct other = product switch { Conv2dProduct.Bf16x3 => Conv2dProduct.Tf32, Conv2dProduct.Bf16x6 => Conv2dProduct.Tf32x3, _ => product };
        double more = (double)tile.Count(g) * tile.Rows * tile.Across / Conv2dMmaWeightPlan.TileArea(other, g);
        return more > (product == Conv2dProduct.Bf16 ? Faster : SplitFaster) ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"its tiles would multiply {more:F1} times what those for sm_80 do, for {g.InChannels} to {g.OutChannels} channels are few") : null;
    }

    /// <summary>Chooses the tile and divides the work.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="g">The convolution.</param>
    /// <param name="multiprocessors">Those of the device: each has one block.</param>
    /// <param name="sharing">Whether blocks may come in pairs, which takes two multiprocessors.</param>
    public static Conv2dWgmmaWeightPlan Choose(Conv2dProduct product, in Conv2dGeometry g, int multiprocessors, Conv2dSharing sharing)
    {
        if (multiprocessors < 2 || sharing == Conv2dSharing.Never)
        {
            return Divide(g, Cheapest(Tiles(product), g), multiprocessors);
        }

        Tile pair = Cheapest(product switch { Conv2dProduct.Bf16x3 => s_halfPairs, Conv2dProduct.Bf16x6 => s_splitPairs, _ => s_pairs }, g);
        if (sharing == Conv2dSharing.Always)
        {
            return Divide(g, pair, multiprocessors);
        }

        Tile tile = Cheapest(Tiles(product), g);
        Conv2dWgmmaWeightPlan alone = Divide(g, tile, multiprocessors);
        bool inPairs = Conv2dWgmmaGatherPlan.L2Decides(Math.Min(alone.Workers, Multiprocessors), tile.StageBytes, tile.ProductClocks)
            && pair.Count(g) * pair.StepClocks <= Conv2dWgmmaGatherPlan.Worth * tile.Count(g) * tile.StepClocks;
        return inPairs ? Divide(g, pair, multiprocessors) : alone;
    }

    private static Conv2dWgmmaWeightPlan Divide(in Conv2dGeometry g, Tile tile, int multiprocessors)
    {
        Conv2dGather gather = Conv2dGather.Forward(g);
        (int tapsPerTile, int tilesPerTap) = tile.Divide(g.InChannels);
        var whole = new Conv2dRegions(Conv2dPieces.Whole(gather.Rows), Conv2dPieces.Whole(gather.Columns));
        long tiles = tile.Count(g);
        // Taps that share a tile share its positions. With waves of tiles, their blocks read the same positions at a time, which a cut would put out of step: the
        // operands may be larger than L2.
        Conv2dRegions taps = tapsPerTile == 1 && tiles < 2 * Multiprocessors ? Conv2dTapPositions.Choose(gather, StepPositions) : whole;
        long rowSteps = 0;
        long longest = 0;
        var ends = new HashSet<long> { 0 };
        for (int tap = 0; tap < g.Taps; tap += tapsPerTile)
        {
            long steps = Conv2dTapPositions.Steps(gather, taps, StepPositions, tap);
            longest = Math.Max(longest, steps);
            for (int i = 0; i < tilesPerTap; i++)
            {
                ends.Add(rowSteps += steps);
            }
        }

        long total = rowSteps * CeilingDivide(g.OutChannels, tile.Blocks * tile.Rows);
        long workers = Math.Clamp(total / FewestSteps, 1, Multiprocessors / tile.Blocks);
        int most = tile.Product == Conv2dProduct.Bf16x3 ? MostStepsOfHalves : MostSteps;
        workers *= CeilingDivide(Math.Min(longest, CeilingDivide(total, workers)), most);
        long waves = taps.Count == 1 && longest <= most ? tiles / tile.Blocks / workers : 0;
        long ofWaves = waves * workers * longest;
        bool inParts = Enumerable.Range(1, (int)workers - 1).Any(w => !ends.Contains((ofWaves + ((total - ofWaves) * w / workers)) % rowSteps));
        int stageBytes = tile.StageBytes;
        var partial = new LaunchPlan(
            $"conv2d_wgrad_{tile.Product.Name()}_sm90_{(tile.Blocks == 2 ? "pair_" : "")}{tile.Rows}x{tile.Across}", new Dim3((uint)(tile.Blocks * Math.Min(workers, multiprocessors / tile.Blocks))),
            new Dim3(Threads), (Conv2dWgmmaGatherPlan.Stages(stageBytes) * stageBytes) + Conv2dWgmmaGatherPlan.Alignment)
        {
            Cluster = tile.Blocks == 2 ? new Dim3(2) : default,
        };
        // Eight groups of eight columns to a block.
        LaunchPlan? finish = inParts ? new LaunchPlan("conv2d_wgrad_finish_sm90", new Dim3((uint)workers - 1, (uint)CeilingDivide(tile.Columns, 64), (uint)tile.Blocks), new Dim3(256)) : null;
        return new Conv2dWgmmaWeightPlan(partial, finish, (int)workers, (int)waves, tile.Blocks, tile.RowBoxes, tile.Columns, taps);
    }

    private static Tile[] Tiles(Conv2dProduct product) => product switch { Conv2dProduct.Bf16x3 => s_halfTiles, Conv2dProduct.Bf16x6 => s_splitTiles, _ => s_tiles };

    private static Tile Cheapest(Tile[] tiles, in Conv2dGeometry geometry)
    {
        Conv2dGeometry g = geometry;
        return tiles.MinBy(t => t.Count(g) * t.StepClocks);
    }

    private static int AcrossOf(int rowBoxes, int columns) => rowBoxes == 2 ? columns : 2 * columns;

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;

    private readonly record struct Tile(int RowBoxes, int Columns, int Blocks = 1, Conv2dProduct Product = Conv2dProduct.Bf16)
    {
        public int Rows => 64 * RowBoxes;

        public int Across => AcrossOf(RowBoxes, Columns);

        public int StageBytes => Product.Parts() * (RowBoxes + (int)CeilingDivide(Across, BoxChannels)) * BoxBytes;

        // The slower of both decides; of two tiles as slow, the one with less of the other.
        public double StepClocks
        {
            get
            {
                double bytes = AskedBytes / Conv2dWgmmaGatherPlan.BytesPerClock;
                return Math.Max(ProductClocks, bytes) + (Math.Min(ProductClocks, bytes) / 8);
            }
        }

        public double ProductClocks => Product.Products() * 2.0 * Rows * Across * StepPositions / Conv2dWgmmaGatherPlan.FlopsPerClock;

        // Of L2: a pair's blocks bring half of the columns each.
        private double AskedBytes => Product.Parts() * (RowBoxes + ((double)CeilingDivide(Across, BoxChannels) / Blocks)) * BoxBytes;

        // With those of a pair that have nothing to do.
        public long Count(in Conv2dGeometry g)
        {
            (int tapsPerTile, int tilesPerTap) = Divide(g.InChannels);
            return CeilingDivide(g.OutChannels, Blocks * Rows) * Blocks * CeilingDivide(g.Taps, tapsPerTile) * tilesPerTap;
        }

        // As WeightColumns in kernels/conv2d/weight_steps.cuh: several taps to a tile where they have few channels, several tiles to a tap where they have many.
        public (int TapsPerTile, int TilesPerTap) Divide(int channels)
        {
            int boxes = (int)CeilingDivide(Across, BoxChannels);
            int ofTap = (int)CeilingDivide(channels, BoxChannels);
            return Across % BoxChannels == 0 && 2 * ofTap <= boxes ? (boxes / ofTap, 1) : (1, (int)CeilingDivide(channels, Across));
        }
    }
}
