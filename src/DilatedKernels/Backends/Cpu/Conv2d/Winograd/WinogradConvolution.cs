namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>
/// A 3×3 convolution of stride 1 at any dilation with 16 instead of 36 multiplications for every four outputs, or 36 instead of 144 for
/// every sixteen: F(2×2, 3×3) or F(4×4, 3×3) of Winograd 1980 on each of the d·d sub-grids that a dilation of d falls into. The forward
/// pass, and the input's gradient.
/// A piece takes a block of tiles through all its stages while they are in the second-level cache.
/// </summary>
internal sealed unsafe class WinogradConvolution
{
    private const int LeastTiles = 12;
    private const int FewTiles = 32;
    private const int ManyTiles = 96;
    private const int MostTiles = 168;

    // From so many bytes on, weights come from so far away for every block that larger ones pay, though tiles and products leave the nearer caches too.
    private const long ManyBytesOfWeights = 16L << 20;
    private const int LeastBytesInCache = 768 << 10;

    // Tiles and products of a strip stay in a first-level cache of 32 KB, through which few weights are streamed.
    private const int BytesPerStrip = 28 << 10;
    private const int MostBytesOfWeights = 128 << 10;
    private const int MostBytesToPackTwice = 128 << 10;
    private const int LeastRowsOfStrip = 4;
    private const int Line = 16;

    // From so many channels on a tile's rows share few sets of the nearest cache, where they are not a whole odd number of lines; with fewer the lines
    // between them only cost room.
    private const int FewestToSpread = 128;

    private readonly WinogradGrid _grid;
    private readonly TileShape _shape;
    private readonly TileKernels _products;
    private readonly WinogradKernels _inputKernels;
    private readonly VectorUnit _unit;
    private readonly int _inChannels;
    private readonly nint _tileStep;
    private readonly int _pieces;
    private readonly int _strips;
    private readonly int _stripTiles;

    public WinogradConvolution(WinogradGrid grid, TileShape shape, VectorUnit unit, int inChannels, int threads)
    {
        _grid = grid;
        _shape = shape;
        _products = TileKernels.OfWidth(shape.Lanes);
        _inputKernels = WinogradKernels.ForTiles(grid.Tile, inChannels, unit);
        _unit = unit;
        _inChannels = inChannels;
        int lanes = Split.Parts(inChannels, _inputKernels.Lanes) * _inputKernels.Lanes;
        _tileStep = lanes < FewestToSpread ? lanes : OddLines(inChannels);
        int tileBytes = Values * (int)(_tileStep + PanelLanes) * sizeof(float);
        long left = Math.Max(LeastBytesInCache, unit.SecondLevelCache / 16 * 11) - WeightBytes;
        // Weights that do not fit beside the tiles are streamed once a block: then blocks are large.
        long tiles = WeightBytes >= ManyBytesOfWeights ? MostTiles : left < FewTiles * tileBytes ? ManyTiles : Math.Min(ManyTiles, left / tileBytes);
        _pieces = Split.EvenParts(grid.Tiles, tiles, LeastTiles, threads);
        _stripTiles = Split.Parts(grid.Tiles, _pieces);
        _strips = 1;
        int rows = Math.Min(shape.MaxRows(shape.WidestColumns), BytesPerStrip / (Values * (lanes + PanelLanes) * sizeof(float)));
        if (shape.Panels == 1 && rows >= LeastRowsOfStrip && WeightBytes <= MostBytesOfWeights)
        {
            _tileStep = lanes;
            _strips = Split.Parts(_stripTiles, rows);
            _stripTiles = rows;
        }
    }

    public required float* Input { get; init; }

    /// <summary>Lays the weights out as <see cref="WinogradWeights"/> does, by that address.</summary>
    public required Action<nint> PackWeights { get; init; }

    public required float* Output { get; init; }

    public float* Bias { get; init; }

    public bool Relu { get; init; }

    /// <summary>Laid out as the output, which is 0 where this is not positive; or null.</summary>
    public float* Mask { get; init; }

    private int Values => _grid.Tile.Values;

    private int PanelLanes => _shape.WidestColumns * _shape.Lanes;

    // Values a whole number of pages apart would share few sets of the cache.
    private nint InputValueStep => (_stripTiles * _tileStep) + Line;

    private nint OutputValueStep => (_stripTiles * (nint)PanelLanes) + Line;

    private long WeightBytes => WinogradWeights.Count(_grid.Tile, _shape, _inChannels) * sizeof(float);

    private long ScratchCount => Values * (InputValueStep + OutputValueStep);

    /// <summary>Floats from one pixel's channels to the next: whole cache lines, an odd number of them, so that pixels spread over all sets.</summary>
    public static int OddLines(int channels) => ((Split.Parts(channels, Line) | 1) * Line);

    public void Run(WorkerPool pool, CpuAllocator allocator)
    {
        using CpuBuffer zeros = allocator.Allocate(WinogradGrid.ZeroCount(_inChannels) * sizeof(float));
        new Span<byte>(zeros.Pointer, (int)zeros.ByteLength).Clear();
        int slots = pool.SlotsFor(_pieces);
        using var scratch = new ScratchSlots(allocator, slots, ScratchCount * sizeof(float));
        // Few weights take longer from one processor's cache to the other's than to be laid out by each.
        bool shared = slots == 1 || WeightBytes > MostBytesToPackTwice;
        using var packed = new ScratchSlots(allocator, shared ? 1 : slots, WeightBytes);
        if (shared)
        {
            PackWeights((nint)packed.Pointer(0));
        }

        bool[] isPacked = new bool[slots];
        pool.For(_pieces, (piece, slot) =>
        {
            byte* weights = packed.Pointer(shared ? 0 : slot);
            if (!shared && !isPacked[slot])
            {
                PackWeights((nint)weights);
                isPacked[slot] = true;
            }

            RunPiece(piece, (float*)weights, (float*)scratch.Pointer(slot), (float*)zeros.Pointer);
        });
    }

    private void RunPiece(int piece, float* packed, float* scratch, float* zeros)
    {
        long begin = _grid.Tiles * piece / _pieces;
        int tiles = (int)((_grid.Tiles * (piece + 1) / _pieces) - begin);
        for (int strip = 0; strip < _strips; strip++)
        {
            RunStrip(begin + Split.Begin(tiles, _strips, strip), begin + Split.Begin(tiles, _strips, strip + 1), packed, scratch, zeros);
        }
    }

    private void RunStrip(long begin, long end, float* packed, float* scratch, float* zeros)
    {
        int tiles = (int)(end - begin);
        float* products = scratch + (Values * InputValueStep);
        _grid.Inputs(_inputKernels, Input, _inChannels, begin, end, scratch, _tileStep, InputValueStep, zeros);

        var run = new TileRun(0, 0, _inChannels);
        var product = new TileArguments
        {
            StepA = _tileStep * sizeof(float),
            Runs = &run,
            RunCount = 1,
        };
        int* starts = stackalloc int[tiles + 1];
        for (int panel = 0; panel < _shape.Panels; panel++)
        {
            int columns = _shape.Columns(panel);
            int lanes = columns * _shape.Lanes;
            int parts = Split.Parts(tiles, _shape.MaxRows(columns));
            for (int i = 0; i <= parts; i++)
            {
                starts[i] = Split.Begin(tiles, parts, i);
            }

            float* weights = packed + (Values * (nint)_shape.ChannelBegin(panel) * _inChannels);
            product.StepB = product.StepC = lanes * sizeof(float);
            for (int value = 0; value < Values; value++)
            {
                product.B = (byte*)(weights + (value * (nint)_inChannels * lanes));
                for (int i = 0; i < parts; i++)
                {
                    product.A = (byte*)(scratch + (value * InputValueStep) + (starts[i] * _tileStep));
                    product.C = (byte*)(products + (value * OutputValueStep) + (starts[i] * (nint)lanes));
                    _products.Product(starts[i + 1] - starts[i], columns, &product);
                }
            }

            int channels = _shape.ChannelCount(panel);
            var output = new OutputTransform
            {
                Source = products,
                ValueStep = OutputValueStep,
                TileStep = lanes,
                Channels = channels,
                Bias = Bias == null ? null : Bias + _shape.ChannelBegin(panel),
                Relu = Relu,
                ToMask = Mask == null ? 0 : (nint)((byte*)Mask - (byte*)Output),
            };
            _grid.Outputs(WinogradKernels.ForOutputs(_grid.Tile, channels, _unit), output, begin, end, Output, _shape.Channels, _shape.ChannelBegin(panel));
        }
    }
}
