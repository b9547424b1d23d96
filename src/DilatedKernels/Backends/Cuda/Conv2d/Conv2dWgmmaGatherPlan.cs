using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// The forward pass and the data gradient on Hopper's tensor cores (kernels/conv2d/conv2d_gather_bf16_sm90.cu, ..._tf32_sm90.cu, ..._bf16x6_sm90.cu): what the copy engine can
/// gather, and the tile, 128 positions × result channels, of blocks that stay until all tiles are done.
/// </summary>
internal static class Conv2dWgmmaGatherPlan
{
    /// <summary>Positions of a tile, and the pixels of a load.</summary>
    public const int TileRows = 128;

    private const int Threads = 384;
    private const int StepBytes = 128;

    /// <summary>The most tensor maps of the source: one for each rectangle of positions.</summary>
    public const int MostMaps = 9;

    /// <summary>What the ring's start is aligned by, in bytes that a launch has to add: as in kernels/conv2d/ring.cuh.</summary>
    public const int Alignment = 1024;

    /// <summary>A tensor map's strides are below this, in bytes.</summary>
    public const long MostStride = 1L << 40;

    /// <summary>Floating-point operations of a multiprocessor's clock in bfloat16, on paper; TF32 has half.</summary>
    public const double FlopsPerClock = 4096;

    /// <summary>Bytes that a multiprocessor gets from L2 in a clock when all ask for as much as it gives, on paper.</summary>
    public const double BytesPerClock = 26;

    /// <summary>Pairs of blocks wait for each other, so that they have to spare an eighth of the time.</summary>
    public const double Worth = 7.0 / 8;

    private const int MostBytes = (227 << 10) - 256;
    private const int MostStages = 8;

    // The multiprocessors that the tile is chosen for; on others it is as right and a little slower.
    private const int Multiprocessors = 132;

    // What a tensor map of four axes can hold, in the driver's documentation: corners of eight bits with sign, offsets of eight without, steps, strides in bytes.
    private const int LowestCorner = -128;
    private const int HighestCorner = 127;
    private const int MostOffset = 255;
    private const int MostStep = 8;

    private static readonly int[] s_columns = [256, 224, 168, 128, 88, 64, 48, 24, 16];
    private static readonly int[] s_pairColumns = [256, 224, 168, 128];

    // Fewer: each is a kernel in every package, and where channels are few the copies decide, whatever is multiplied.
    private static readonly int[] s_tf32Columns = [256, 168, 128, 88, 64, 24];
    private static readonly int[] s_tf32PairColumns = [256, 168, 128];

    // All parts of two stages fill the shared memory.
    private static readonly int[] s_splitColumns = [128, 112, 88];
    private static readonly int[] s_splitPairColumns = [128, 112];

    // Below, tiles are so narrow and reductions so short that L2 and the splitting decide, and three products of TF32 take no longer.
    private const int FewestSplitChannels = 64;

    /// <summary>Why the kernel cannot run a pass that the kernels for sm_80 can; null when it can.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="gather">The pass; it has positions and result channels.</param>
    /// <param name="architecture">The device's compute capability as 10·major + minor.</param>
    public static string? WhyNot(Conv2dProduct product, in Conv2dGather gather, int architecture)
    {
        return WhyNoProducts(architecture)
            ?? (product is Conv2dProduct.Bf16 or Conv2dProduct.Tf32 or Conv2dProduct.Bf16x6 ? WhyNotFed(product, gather) : $"there is no kernel for sm_90 that gathers and multiplies {product.Name()}");
    }

    /// <summary>Why a device has no kernels with products of warpgroups; null when it has.</summary>
    public static string? WhyNoProducts(int architecture) => architecture == 90 ? null : $"sm_{architecture} has no wgmma; sm_90 alone has";

    /// <summary>Why the copy engine cannot bring what a pass multiplies, or does not pay; null when it serves.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="gather">The pass; it has positions and result channels.</param>
    public static string? WhyNotFed(Conv2dProduct product, in Conv2dGather gather)
    {
        if (product == Conv2dProduct.Bf16x6 && (gather.SourceChannels < FewestSplitChannels || gather.ResultChannels <= FewestSplitChannels))
        {
            return $"{gather.SourceChannels} to {gather.ResultChannels} channels are few; from {FewestSplitChannels} to more than {FewestSplitChannels} on it pays to split them";
        }

        if (gather.Reduction == 0 || gather.Rows.Source == 0 || gather.Columns.Source == 0)
        {
            return "nothing of the source is read";
        }

        long pixelBytes = product.Pad(gather.SourceChannels) * product.ElementBytes();
        long imageBytes = pixelBytes * gather.Rows.Source * gather.Columns.Source;
        return imageBytes >= MostStride || pixelBytes * gather.KernelTaps >= MostStride
            ? $"an image of {imageBytes} bytes is more than a tensor map's stride of 2^40"
            : WhyNot("rows", gather.Rows.ToAscending()) ?? WhyNot("columns", gather.Columns.ToAscending());
    }

    /// <summary>The rectangles that the positions are cut into, which may be the whole.</summary>
    /// <param name="gather">The pass, with steps that are not negative.</param>
    public static Conv2dRegions ChooseRegions(in Conv2dGather gather) => Conv2dRegions.Choose(gather, TileRows, Pieces(gather.Rows), Pieces(gather.Columns), MostMaps);

    /// <summary>Chooses a kernel <c>conv2d_gather_{product}_sm90_...</c>.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="gather">The pass.</param>
    /// <param name="regions">The rectangles of its positions.</param>
    /// <param name="multiprocessors">Those of the device: each has one block.</param>
    /// <param name="sharing">Whether blocks may come in pairs, which takes two multiprocessors.</param>
    /// <param name="columns">Result channels of a tile.</param>
    /// <returns>With a cluster of two where blocks come in pairs: of neighbouring positions of one rectangle and the same channels, of which each brings a half.</returns>
    public static LaunchPlan Choose(Conv2dProduct product, in Conv2dGather gather, in Conv2dRegions regions, int multiprocessors, Conv2dSharing sharing, out int columns)
    {
        long rowTiles = regions.Tiles(gather.Batch, TileRows);
        long rowPairs = regions.Tiles(gather.Batch, 2 * TileRows);
        (int[] ofBlocks, int[] ofPairs) = Widths(product);
        (columns, double alone) = Cheapest(product, ofBlocks, rowTiles, 1, gather.ResultChannels, Multiprocessors);
        // Comparisons are of few tiles: by waves all would be narrow.
        (int pairColumns, double paired) = Cheapest(product, ofPairs, rowPairs, 2, gather.ResultChannels, sharing == Conv2dSharing.Always ? 1 : Multiprocessors / 2);
        bool asksMore = L2Decides(Math.Min(Multiprocessors, rowTiles * CeilingDivide(gather.ResultChannels, columns)), StageBytes(product, columns), StepClocks(product, columns));
        bool inPairs = sharing == Conv2dSharing.Always || (sharing == Conv2dSharing.WhereItPays && asksMore && paired <= Worth * alone);
        bool serve = multiprocessors >= 2 && inPairs;
        columns = serve ? pairColumns : columns;
        return Plan(product, gather, regions, multiprocessors, columns, serve);
    }

    /// <summary>The kernels that may be the fastest, the one that is chosen first: of the widths beyond the result's channels the narrowest alone.</summary>
    /// <param name="product">What multiplies.</param>
    /// <param name="gather">The pass.</param>
    /// <param name="regions">The rectangles of its positions.</param>
    /// <param name="multiprocessors">Those of the device.</param>
    /// <param name="sharing">Whether blocks may come in pairs.</param>
    public static Conv2dGatherWay[] Ways(Conv2dProduct product, in Conv2dGather gather, in Conv2dRegions regions, int multiprocessors, Conv2dSharing sharing)
    {
        LaunchPlan chosen = Choose(product, gather, regions, multiprocessors, sharing, out int width);
        var ways = new List<Conv2dGatherWay> { new(chosen, width) };
        (int[] ofBlocks, int[] ofPairs) = Widths(product);
        foreach (bool inPairs in (bool[])[false, true])
        {
            if (inPairs ? multiprocessors < 2 || sharing == Conv2dSharing.Never : sharing == Conv2dSharing.Always)
            {
                continue;
            }

            int[] widths = inPairs ? ofPairs : ofBlocks;
            for (int i = 0; i < widths.Length; i++)
            {
                if (i + 1 < widths.Length && widths[i + 1] >= gather.ResultChannels)
                {
                    continue;
                }

                LaunchPlan plan = Plan(product, gather, regions, multiprocessors, widths[i], inPairs);
                if (plan.Kernel != chosen.Kernel)
                {
                    ways.Add(new Conv2dGatherWay(plan, widths[i]));
                }
            }
        }

        return [.. ways];
    }

    private static (int[] OfBlocks, int[] OfPairs) Widths(Conv2dProduct product) => product switch
    {
        Conv2dProduct.Bf16x6 => (s_splitColumns, s_splitPairColumns),
        Conv2dProduct.Tf32 => (s_tf32Columns, s_tf32PairColumns),
        _ => (s_columns, s_pairColumns),
    };

    /// <summary>Result channels whose weights the first block of a pair brings; the second brings the rest. Whole eights, within which the swizzle repeats.</summary>
    public static int FirstHalf(int columns) => (int)CeilingDivide(columns / 8, 2) * 8;

    /// <summary>Whether so many blocks ask for more bytes while they multiply than L2 gives.</summary>
    public static bool L2Decides(long blocks, long stepBytes, double stepClocks) => blocks * stepBytes > Multiprocessors * BytesPerClock * stepClocks;

    private static double StepClocks(Conv2dProduct product, int columns) => product.Products() * 2.0 * TileRows * columns * product.StepChannels() / (product == Conv2dProduct.Tf32 ? FlopsPerClock / 2 : FlopsPerClock);

    private static int StageBytes(Conv2dProduct product, int columns) => product.Parts() * (TileRows + columns) * StepBytes;

    private static LaunchPlan Plan(Conv2dProduct product, in Conv2dGather gather, in Conv2dRegions regions, int multiprocessors, int columns, bool inPairs)
    {
        int blocks = inPairs ? 2 : 1, stageBytes = StageBytes(product, columns);
        long tiles = regions.Tiles(gather.Batch, blocks * TileRows) * CeilingDivide(gather.ResultChannels, columns);
        return new LaunchPlan($"conv2d_gather_{product.Name()}_sm90_{(inPairs ? "pair_" : "")}{TileRows}x{columns}", new Dim3((uint)(blocks * Math.Min(tiles, multiprocessors / blocks))),
            new Dim3(Threads), (Stages(stageBytes) * stageBytes) + Alignment)
        {
            Cluster = inPairs ? new Dim3(2) : default,
        };
    }

    // A step's time is that of its bytes from L2, on paper, and of its products where they are many for a byte: bytes grow with rows plus columns, of which each block of a pair brings a
    // half, the products with rows times columns.
    private static (int Columns, double Cost) Cheapest(Conv2dProduct product, int[] candidates, long rowTiles, int blocks, int channels, int atATime)
    {
        (int Columns, double Cost) best = (0, double.PositiveInfinity);
        foreach (int columns in candidates)
        {
            long waves = CeilingDivide(rowTiles * CeilingDivide(channels, columns), atATime);
            double bytes = product.Parts() * (TileRows + ((double)columns / blocks)) * StepBytes;
            double cost = waves * Math.Max(bytes / BytesPerClock, StepClocks(product, columns));
            if (cost < best.Cost)
            {
                best = (columns, cost);
            }
        }

        return best;
    }

    /// <summary>Stages of a ring, within what a block may have.</summary>
    public static int Stages(int stageBytes) => Math.Min(MostStages, (MostBytes - Alignment) / stageBytes);

    /// <summary>
    /// The corners of the box of base pixels, from which tap 0 reads: the first lies <c>lower</c> from the source's first pixel, the last <c>upper</c> from
    /// its last. There are as many as positions.
    /// <code>
    ///   5 pixels, 3 taps, dilation 2, padding 2      . . 0 1 2 3 4 . .
    ///     base pixels, lower −2, upper −2            ^ ^ ^ ^ ^
    ///     tap 2, offset 4                                    ^ ^ ^ ^ ^
    /// </code>
    /// </summary>
    /// <param name="axis">An axis with steps that are not negative.</param>
    public static (int Lower, int Upper) Corners(in Conv2dAxis axis) => (axis.Shift, (int)(axis.Shift + ((long)(axis.Count - 1) * axis.Scale) + 1 - axis.Source));

    /// <summary>Whether a tensor map can hold the axis's corners.</summary>
    public static bool CornersFit(in Conv2dAxis axis)
    {
        (int lower, int upper) = Corners(axis);
        return Math.Min(lower, upper) >= LowestCorner && Math.Max(lower, upper) <= HighestCorner;
    }

    // As a whole where a piece has no tap, and with it no step, or taps that reach over more than a map's corners.
    private static Conv2dPieces Pieces(in Conv2dAxis axis)
    {
        var pieces = Conv2dPieces.ByTaps(axis);
        foreach (Conv2dPiece piece in pieces.All)
        {
            if (piece.Taps == 0 || !CornersFit(Conv2dWindow.Of(axis, piece).Axis))
            {
                return Conv2dPieces.Whole(axis);
            }
        }

        return pieces;
    }

    private static string? WhyNot(string name, in Conv2dAxis axis)
    {
        if (!CornersFit(axis))
        {
            (int lower, int upper) = Corners(axis);
            return $"the first and last {name} read at {lower} and {upper} from the source's ends; {LowestCorner} to {HighestCorner} fit a tensor map";
        }

        long offset = (long)(axis.Taps - 1) * axis.Step;
        return offset > MostOffset ? $"the taps' {name} reach over {offset} pixels; {MostOffset} fit a tensor map"
            : axis.Scale > MostStep ? $"the positions' {name} are {axis.Scale} pixels apart; {MostStep} fit a tensor map"
            : null;
    }

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;
}
