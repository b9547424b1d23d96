namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>
/// A 3×3 convolution of stride 1 at any dilation with 16 instead of 36 multiplications for every four outputs: F(2×2, 3×3) of
/// Winograd 1980 on each of the d·d sub-grids that a dilation of d falls into. The forward pass, and the input's gradient.
/// A piece takes a block of tiles through all its stages while they are in the second-level cache.
/// </summary>
internal sealed unsafe class WinogradConvolution
{
    private const int FewTiles = 48;
    private const int ManyTiles = 96;
    private const int BytesInCache = 768 << 10;
    private const int Line = 16;

    private readonly WinogradGrid _grid;
    private readonly TileShape _shape;
    private readonly TileKernels _products;
    private readonly WinogradKernels _inputKernels;
    private readonly VectorUnit _unit;
    private readonly int _inChannels;
    private readonly nint _tileStep;
    private readonly int _blockTiles;
    private readonly int _pieces;

    public WinogradConvolution(WinogradGrid grid, TileShape shape, VectorUnit unit, int inChannels)
    {
        _grid = grid;
        _shape = shape;
        _products = TileKernels.OfWidth(shape.Lanes);
        _inputKernels = WinogradKernels.ForTiles(inChannels, unit);
        _unit = unit;
        _inChannels = inChannels;
        _tileStep = OddLines(inChannels);
        int tileBytes = 16 * (int)(_tileStep + PanelLanes) * sizeof(float);
        long left = BytesInCache - (WinogradWeights.Count(shape, inChannels) * sizeof(float));
        // Weights that do not fit beside the tiles are streamed once a block: then blocks are large.
        long tiles = left < FewTiles * tileBytes ? ManyTiles : Math.Min(ManyTiles, left / tileBytes);
        _pieces = Split.Parts(grid.Tiles, tiles);
        _blockTiles = Split.Parts(grid.Tiles, _pieces);
    }

    public required float* Input { get; init; }

    /// <summary>Weights as <see cref="WinogradWeights"/> lays them out.</summary>
    public required float* Packed { get; init; }

    public required float* Output { get; init; }

    public float* Bias { get; init; }

    public bool Relu { get; init; }

    /// <summary>Laid out as the output, which is 0 where this is not positive; or null.</summary>
    public float* Mask { get; init; }

    private int PanelLanes => _shape.WidestColumns * _shape.Lanes;

    // Values a whole number of pages apart would share few sets of the cache.
    private nint InputValueStep => (_blockTiles * _tileStep) + Line;

    private nint OutputValueStep => (_blockTiles * (nint)PanelLanes) + Line;

    private long ScratchCount => 16 * (InputValueStep + OutputValueStep);

    /// <summary>Floats from one pixel's channels to the next: whole cache lines, an odd number of them, so that pixels spread over all sets.</summary>
    public static int OddLines(int channels) => ((Split.Parts(channels, Line) | 1) * Line);

    public void Run(WorkerPool pool, CpuAllocator allocator)
    {
        using CpuBuffer zeros = allocator.Allocate(WinogradGrid.ZeroCount(_inChannels) * sizeof(float));
        new Span<byte>(zeros.Pointer, (int)zeros.ByteLength).Clear();
        using var scratch = new ScratchSlots(allocator, Math.Min(pool.Threads, _pieces), ScratchCount * sizeof(float));
        pool.For(_pieces, piece =>
        {
            int slot = scratch.Take();
            RunPiece(piece, (float*)scratch.Pointer(slot), (float*)zeros.Pointer);
            scratch.Return(slot);
        });
    }

    private void RunPiece(int piece, float* scratch, float* zeros)
    {
        long begin = _grid.Tiles * piece / _pieces;
        long end = _grid.Tiles * (piece + 1) / _pieces;
        int tiles = (int)(end - begin);
        float* products = scratch + (16 * InputValueStep);
        _grid.Inputs(_inputKernels, Input, _inChannels, begin, end, scratch, _tileStep, InputValueStep, zeros);

        var run = new TileRun(0, 0, _inChannels);
        var product = new TileArguments
        {
            RowStep = _tileStep * sizeof(float),
            StepA = sizeof(float),
            Runs = &run,
            RunCount = 1,
        };
        for (int panel = 0; panel < _shape.Panels; panel++)
        {
            int columns = _shape.Columns(panel);
            int lanes = columns * _shape.Lanes;
            int parts = Split.Parts(tiles, _shape.MaxRows(columns));
            float* weights = Packed + (16 * (nint)_shape.ChannelBegin(panel) * _inChannels);
            product.StepB = product.StepC = lanes * sizeof(float);
            for (int value = 0; value < 16; value++)
            {
                product.B = (byte*)(weights + (value * (nint)_inChannels * lanes));
                for (int i = 0; i < parts; i++)
                {
                    int first = Split.Begin(tiles, parts, i);
                    product.A = (byte*)(scratch + (value * InputValueStep) + (first * _tileStep));
                    product.C = (byte*)(products + (value * OutputValueStep) + (first * (nint)lanes));
                    _products.Product(Split.Begin(tiles, parts, i + 1) - first, columns, &product);
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
            WinogradKernels kernels = WinogradKernels.OfWidth(Math.Min(_unit.Lanes, channels >= 16 ? 16 : channels >= 8 ? 8 : 4));
            _grid.Outputs(kernels, output, begin, end, Output, _shape.Channels, _shape.ChannelBegin(panel));
        }
    }
}
