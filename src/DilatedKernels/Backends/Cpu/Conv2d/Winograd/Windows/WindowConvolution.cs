namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

/// <summary>
/// A convolution of stride 1 with a kernel of more than three taps, at any dilation, in windows: a 7×7 kernel takes 100 instead of 196
/// multiplications for every four outputs. The forward pass, and the input's gradient. A piece takes a block of tiles through all
/// its stages; a group of panels at a time, so that the transformed weights of a large layer need not all be in memory.
/// </summary>
internal sealed unsafe class WindowConvolution
{
    // Times 64 output channels: 160 KB of packed weights.
    private const int TermsPerChunk = 640;
    private const int TilesPerPiece = 128;
    private const int LeastTiles = 12;
    private const int MostColumns = 64;
    private const long MostPackedBytes = 64L << 20;
    private const int Line = 16;

    private readonly WindowGrid _grid;
    private readonly TileShape _shape;
    private readonly TileKernels _products;
    private readonly WinogradKernels _inputKernels;
    private readonly VectorUnit _unit;
    private readonly WindowWeights _weights;
    private readonly int _inChannels;
    private readonly nint _tileStep;
    private readonly int _columnParts;
    private readonly int _rowParts;
    private readonly int _columns;
    private readonly int _rows;
    private readonly int _inputRows;
    private readonly int _inputColumns;

    public WindowConvolution(WindowGrid grid, TileShape shape, VectorUnit unit, int inChannels, int threads)
    {
        _grid = grid;
        _shape = shape;
        _products = TileKernels.OfWidth(shape.Lanes);
        _inputKernels = WinogradKernels.ForTiles(WinogradTile.Two, inChannels, unit);
        _unit = unit;
        _weights = new WindowWeights(grid.Windows, shape, inChannels);
        _inChannels = inChannels;
        _tileStep = WinogradConvolution.OddLines(inChannels);
        _columnParts = Split.Parts(grid.Columns, MostColumns);
        _columns = Split.Parts(grid.Columns, _columnParts);
        _rowParts = Split.EvenParts(grid.Rows, Math.Max(1, TilesPerPiece / _columns), Split.Parts(LeastTiles, _columns), threads);
        _rows = Split.Parts(grid.Rows, _rowParts);
        _inputColumns = _columns + grid.ColumnsBeyond;
        _inputRows = Enumerable.Range(0, _rowParts).Max(part => (int)(InputRows(part).End - InputRows(part).Begin));
    }

    /// <summary>Fills packed weights for panels [begin, end).</summary>
    public delegate void Pack(WindowWeights weights, int begin, int end, float* packed);

    public required float* Input { get; init; }

    public required Pack PackWeights { get; init; }

    public required float* Output { get; init; }

    public float* Bias { get; init; }

    public bool Relu { get; init; }

    /// <summary>Laid out as the output, which is 0 where this is not positive; or null.</summary>
    public float* Mask { get; init; }

    private int PanelLanes => _shape.WidestColumns * _shape.Lanes;

    // Values a whole number of pages apart would share few sets of the cache.
    private nint InputValueStep => ((nint)_inputRows * _inputColumns * _tileStep) + Line;

    private nint OutputValueStep => ((nint)_rows * _columns * PanelLanes) + Line;

    public void Run(WorkerPool pool, CpuAllocator allocator)
    {
        int groups = (int)Math.Min(_shape.Panels, Math.Max(1, (_weights.Count(_shape.PaddedChannels) * sizeof(float)) / MostPackedBytes));
        int panels = Split.Parts(_shape.Panels, groups);
        using CpuBuffer packed = allocator.Allocate(_weights.Count(panels * PanelLanes) * sizeof(float));
        using CpuBuffer zeros = allocator.Allocate(WinogradGrid.ZeroCount(_inChannels) * sizeof(float));
        new Span<byte>(zeros.Pointer, (int)zeros.ByteLength).Clear();
        int pieces = _rowParts * _columnParts;
        using var scratch = new ScratchSlots(allocator, pool.SlotsFor(pieces), 16 * (InputValueStep + OutputValueStep) * sizeof(float));
        for (int begin = 0; begin < _shape.Panels; begin += panels)
        {
            int first = begin;
            int end = Math.Min(begin + panels, _shape.Panels);
            PackWeights(_weights, begin, end, (float*)packed.Pointer);
            pool.For(pieces, (piece, slot) =>
                RunPiece(piece / _columnParts, piece % _columnParts, first, end, (float*)packed.Pointer, (float*)scratch.Pointer(slot), (float*)zeros.Pointer));
        }
    }

    private (long Begin, long End) InputRows(int part) =>
        (_grid.InputRow(Split.Begin(_grid.Rows, _rowParts, part)), _grid.InputRow(Split.Begin(_grid.Rows, _rowParts, part + 1) - 1) + _grid.Windows.Y.Count);

    private void RunPiece(int rowPart, int columnPart, int panelBegin, int panelEnd, float* packed, float* inputs, float* zeros)
    {
        var piece = new Piece(
            Split.Begin(_grid.Rows, _rowParts, rowPart), Split.Begin(_grid.Rows, _rowParts, rowPart + 1),
            Split.Begin(_grid.Columns, _columnParts, columnPart), Split.Begin(_grid.Columns, _columnParts, columnPart + 1));
        (long firstRow, long endRow) = InputRows(rowPart);
        int width = piece.Right - piece.Left + _grid.ColumnsBeyond;
        for (long row = firstRow; row < endRow; row++)
        {
            long begin = (row * _grid.InputColumns) + piece.Left;
            float* target = inputs + ((nint)(row - firstRow) * _inputColumns * _tileStep);
            _grid.Inputs.Inputs(_inputKernels, Input, _inChannels, begin, begin + width, target, _tileStep, InputValueStep, zeros);
        }

        float* products = inputs + (16 * InputValueStep);
        for (int panel = panelBegin; panel < panelEnd; panel++)
        {
            nint before = (_shape.ChannelBegin(panel) - _shape.ChannelBegin(panelBegin)) * (nint)_grid.Windows.Products.Count * _inChannels;
            for (int value = 0; value < 16; value++)
            {
                Multiply(piece, firstRow, value, panel, packed + before, inputs + (value * InputValueStep), products + (value * OutputValueStep));
            }

            Finish(piece, panel, products);
        }
    }

    /// <summary>Sums the products of a value over windows and input channels, a chunk of windows at a time.</summary>
    private void Multiply(in Piece piece, long firstRow, int value, int panel, float* packed, float* inputs, float* products)
    {
        TileRun* runs = stackalloc TileRun[_grid.Windows.Y.Count * _grid.Windows.X.Count];
        float* memory = stackalloc float[TileKernels.MaxTile + 16];
        byte* tile = (byte*)(((nuint)memory + 63) & ~(nuint)63);
        int columns = _shape.Columns(panel);
        int lanes = columns * _shape.Lanes;
        int width = piece.Right - piece.Left;
        int parts = Split.Parts(width, _shape.MaxRows(columns));
        (int begin, int end) = _grid.Windows.OfValue(value);
        int chunks = Split.Parts(end - begin, Math.Max(1, TermsPerChunk / _inChannels));
        var product = new TileArguments
        {
            StepA = _tileStep * sizeof(float),
            B = (byte*)packed,
            StepB = lanes * sizeof(float),
            Runs = runs,
            StepC = lanes * sizeof(float),
        };
        var finish = new FinishArguments { Tile = tile, TileStep = lanes * sizeof(float), TargetStep = lanes * sizeof(float), Channels = lanes, Accumulate = true };
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            int first = begin + Split.Begin(end - begin, chunks, chunk);
            product.RunCount = begin + Split.Begin(end - begin, chunks, chunk + 1) - first;
            for (int i = 0; i < product.RunCount; i++)
            {
                KernelProduct window = _grid.Windows.Products[first + i];
                nint tileOffset = (window.Y * (nint)_inputColumns) + (window.X * (nint)_grid.ColumnShift);
                runs[i] = new TileRun(tileOffset * _tileStep * sizeof(float), (first + i) * (nint)_inChannels, _inChannels);
            }

            for (int row = piece.Top; row < piece.Bottom; row++)
            {
                float* from = inputs + ((nint)(_grid.InputRow(row) - firstRow) * _inputColumns * _tileStep);
                float* to = products + ((row - piece.Top) * (nint)width * lanes);
                for (int i = 0; i < parts; i++)
                {
                    int column = Split.Begin(width, parts, i);
                    int count = Split.Begin(width, parts, i + 1) - column;
                    product.A = (byte*)(from + (column * _tileStep));
                    product.C = chunk == 0 ? (byte*)(to + (column * (nint)lanes)) : tile;
                    _products.Product(count, columns, &product);
                    if (chunk > 0)
                    {
                        finish.Rows = count;
                        finish.Target = (byte*)(to + (column * (nint)lanes));
                        _products.Finish(&finish);
                    }
                }
            }
        }
    }

    private void Finish(in Piece piece, int panel, float* products)
    {
        int lanes = _shape.Columns(panel) * _shape.Lanes;
        int channels = _shape.ChannelCount(panel);
        int width = piece.Right - piece.Left;
        var output = new OutputTransform
        {
            ValueStep = OutputValueStep,
            TileStep = lanes,
            Channels = channels,
            Bias = Bias == null ? null : Bias + _shape.ChannelBegin(panel),
            Relu = Relu,
            ToMask = Mask == null ? 0 : (nint)((byte*)Mask - (byte*)Output),
        };
        WinogradKernels kernels = WinogradKernels.ForOutputs(WinogradTile.Two, channels, _unit);
        for (int row = piece.Top; row < piece.Bottom; row++)
        {
            output.Source = products + ((row - piece.Top) * (nint)width * lanes);
            long begin = (row * (long)_grid.Columns) + piece.Left;
            _grid.Outputs.Outputs(kernels, output, begin, begin + width, Output, _shape.Channels, _shape.ChannelBegin(panel));
        }
    }

    /// <summary>Rows [Top, Bottom) and columns [Left, Right) of output tiles.</summary>
    private readonly record struct Piece(int Top, int Bottom, int Left, int Right);
}
