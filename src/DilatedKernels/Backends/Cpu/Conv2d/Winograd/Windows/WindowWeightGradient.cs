using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

/// <summary>
/// The gradient of the weights of a convolution in windows: as <see cref="WinogradWeightGradient"/>, with a matrix product for every
/// product of the windows. Panels are done in groups whose sums fit a bounded memory, rows of tiles in groups whose transforms do.
/// </summary>
internal sealed unsafe class WindowWeightGradient
{
    private const long MostTileBytes = 32L << 20;
    private const long MostSumBytes = 64L << 20;
    private const int MostLanes = 512;
    private const int TilesPerChain = 512;
    private const int ChannelsPerPiece = 96;
    private const int Block = 16;
    private const int BlockLanes = 64;
    private const int Line = 16;

    private readonly WindowGrid _grid;
    private readonly KernelWindows _windows;
    private readonly TileShape _shape;
    private readonly TileKernels _products;
    private readonly WinogradKernels _inputKernels;
    private readonly WinogradKernels _gradientKernels;
    private readonly int _inChannels;
    private readonly nint _tileStep;
    private readonly int _panels;
    private readonly int _lanes;
    private readonly int _groups;
    private readonly int _rows;
    private readonly int _inputRows;

    public WindowWeightGradient(WindowGrid grid, TileShape shape, VectorUnit unit, int inChannels)
    {
        _grid = grid;
        _windows = grid.Windows;
        _shape = shape;
        _products = TileKernels.OfWidth(shape.Lanes);
        _inputKernels = WinogradKernels.ForTiles(WinogradTile.Two, inChannels, unit);
        _gradientKernels = WinogradKernels.ForTiles(WinogradTile.Two, shape.Channels, unit);
        _inChannels = inChannels;
        _tileStep = WinogradConvolution.OddLines(inChannels);
        long sumBytes = (long)_windows.Products.Count * inChannels * shape.PaddedChannels * sizeof(float);
        _panels = Split.Parts(shape.Panels, Math.Clamp(sumBytes / MostSumBytes, 1, shape.Panels));
        _lanes = _panels * shape.WidestColumns * shape.Lanes;
        // How rows are grouped is how sums are rounded: it must not depend on the vectors' width.
        long lanes = Math.Min(MostLanes, Split.Parts(shape.Channels, Line) * Line);
        long rowBytes = 16L * ((grid.InputColumns * _tileStep) + (grid.Columns * lanes)) * sizeof(float);
        _groups = Split.Parts(grid.Rows, Math.Max(1, MostTileBytes / rowBytes));
        _rows = Split.Parts(grid.Rows, _groups);
        _inputRows = Enumerable.Range(0, _groups).Max(group => (int)(InputRows(group).End - InputRows(group).Begin));
    }

    private nint InputValueStep => ((nint)_inputRows * _grid.InputColumns * _tileStep) + Line;

    private nint GradientValueStep => ((nint)_rows * _grid.Columns * _lanes) + Line;

    private nint SumStep => (_inChannels * (nint)_lanes) + Line;

    public void Run(WorkerPool pool, CpuAllocator allocator, float* x, float* dy, float* dw)
    {
        using CpuBuffer inputs = allocator.Allocate(16 * InputValueStep * sizeof(float));
        using CpuBuffer gradients = allocator.Allocate(16 * GradientValueStep * sizeof(float));
        using CpuBuffer sums = allocator.Allocate(_windows.Products.Count * SumStep * sizeof(float));
        using CpuBuffer zeros = allocator.Allocate(WinogradGrid.ZeroCount(Math.Max(_inChannels, _shape.PaddedChannels)) * sizeof(float));
        new Span<byte>(zeros.Pointer, (int)zeros.ByteLength).Clear();
        for (int panel = 0; panel < _shape.Panels; panel += _panels)
        {
            var part = new Part
            {
                PanelBegin = panel,
                PanelEnd = Math.Min(panel + _panels, _shape.Panels),
                Inputs = (float*)inputs.Pointer,
                Gradients = (float*)gradients.Pointer,
                Sums = (float*)sums.Pointer,
                Zeros = (float*)zeros.Pointer,
            };
            for (int group = 0; group < _groups; group++)
            {
                RunGroup(pool, group, part, x, dy);
            }

            int blocks = Split.Parts(_inChannels, Block);
            int first = _shape.ChannelBegin(part.PanelBegin);
            int used = Math.Min(_shape.Channels, _shape.ChannelBegin(part.PanelEnd)) - first;
            pool.For(blocks * Split.Parts(used, BlockLanes), piece => Finish(piece % blocks * Block, piece / blocks * BlockLanes, used, part.Sums, dw + (first * (nint)_windows.Taps * _inChannels)));
        }
    }

    private (long Begin, long End) InputRows(int group) =>
        (_grid.InputRow(Split.Begin(_grid.Rows, _groups, group)), _grid.InputRow(Split.Begin(_grid.Rows, _groups, group + 1) - 1) + _windows.Y.Count);

    private void RunGroup(WorkerPool pool, int group, Part part, float* x, float* dy)
    {
        int top = Split.Begin(_grid.Rows, _groups, group);
        int bottom = Split.Begin(_grid.Rows, _groups, group + 1);
        (long inputTop, long inputBottom) = InputRows(group);
        pool.For((int)(inputBottom - inputTop), row =>
        {
            long begin = (inputTop + row) * _grid.InputColumns;
            float* target = part.Inputs + ((nint)row * _grid.InputColumns * _tileStep);
            _grid.Inputs.Inputs(_inputKernels, x, _inChannels, begin, begin + _grid.InputColumns, target, _tileStep, InputValueStep, part.Zeros);
        });
        long first = top * (long)_grid.Columns;
        int tiles = (bottom - top) * _grid.Columns;
        pool.For(bottom - top, row =>
        {
            long begin = first + (row * (long)_grid.Columns);
            _grid.Outputs.Gradients(
                _gradientKernels, dy, _shape, part.PanelBegin, part.PanelEnd, first, tiles, begin, begin + _grid.Columns, part.Gradients, GradientValueStep, part.Zeros);
        });

        int channelParts = Split.Parts(_inChannels, ChannelsPerPiece);
        int panels = part.PanelEnd - part.PanelBegin;
        pool.For(16 * channelParts * panels, piece =>
        {
            (int value, int rest) = Math.DivRem(piece, channelParts * panels);
            (int channels, int panel) = Math.DivRem(rest, panels);
            Multiply(value, Split.Begin(_inChannels, channelParts, channels), Split.Begin(_inChannels, channelParts, channels + 1), part.PanelBegin + panel, group, part);
        });
    }

    private void Multiply(int value, int channelBegin, int channelEnd, int panel, int group, Part part)
    {
        int top = Split.Begin(_grid.Rows, _groups, group);
        int rows = Split.Begin(_grid.Rows, _groups, group + 1) - top;
        long inputTop = InputRows(group).Begin;
        int columns = _shape.Columns(panel);
        int lanes = columns * _shape.Lanes;
        int parts = Split.Parts(channelEnd - channelBegin, _shape.MaxRows(columns));
        int chains = Split.Parts(rows, Math.Max(1, TilesPerChain / _grid.Columns));
        int lane = _shape.ChannelBegin(panel) - _shape.ChannelBegin(part.PanelBegin);
        TileRun[] runs = new TileRun[Split.Parts(rows, chains)];
        fixed (TileRun* run = runs)
        {
            var product = new TileArguments
            {
                StepA = _tileStep * sizeof(float),
                B = (byte*)(part.Gradients + (value * GradientValueStep) + ((nint)rows * _grid.Columns * lane)),
                StepB = lanes * sizeof(float),
                StepC = _lanes * (nint)sizeof(float),
                Runs = run,
            };
            (int begin, int end) = _windows.OfValue(value);
            for (int chain = 0; chain < chains; chain++)
            {
                int row = Split.Begin(rows, chains, chain);
                product.RunCount = Split.Begin(rows, chains, chain + 1) - row;
                for (int i = 0; i < product.RunCount; i++, row++)
                {
                    runs[i] = new TileRun((nint)(_grid.InputRow(top + row) - inputTop) * _grid.InputColumns * _tileStep * sizeof(float), row * (nint)_grid.Columns, _grid.Columns);
                }

                bool added = group > 0 || chain > 0;
                for (int number = begin; number < end; number++)
                {
                    KernelProduct window = _windows.Products[number];
                    nint tileOffset = (window.Y * (nint)_grid.InputColumns) + (window.X * (nint)_grid.ColumnShift);
                    float* from = part.Inputs + (value * InputValueStep) + (tileOffset * _tileStep);
                    for (int i = 0; i < parts; i++)
                    {
                        int channel = channelBegin + Split.Begin(channelEnd - channelBegin, parts, i);
                        int count = channelBegin + Split.Begin(channelEnd - channelBegin, parts, i + 1) - channel;
                        product.A = (byte*)(from + channel);
                        product.C = (byte*)(part.Sums + (number * SumStep) + (channel * (nint)_lanes) + lane);
                        if (added)
                        {
                            _products.AddedTransposedProduct(count, columns, &product);
                        }
                        else
                        {
                            _products.TransposedProduct(count, columns, &product);
                        }
                    }
                }
            }
        }
    }

    /// <summary>Turns a block of <c>[product][C][K]</c> into <c>[K][taps][C]</c>.</summary>
    [SkipLocalsInit]
    private void Finish(int channel, int lane, int channels, float* sums, float* dw)
    {
        float* values = stackalloc float[16 * BlockLanes];
        float* block = stackalloc float[9 * Block * BlockLanes];
        WinogradKernels kernels = WinogradKernels.Of(WinogradTile.Two, _shape.Lanes);
        int count = Math.Min(Block, _inChannels - channel);
        int used = Math.Min(BlockLanes, channels - lane);
        int vectors = Split.Parts(used, kernels.Lanes);
        var arguments = new TransformArguments
        {
            Source = values,
            RowStep = 4 * BlockLanes,
            ColumnStep = BlockLanes,
            TargetStep = Block * BlockLanes,
            Vectors = vectors,
        };
        for (int y = 0; y < _windows.Y.Count; y++)
        {
            for (int x = 0; x < _windows.X.Count; x++)
            {
                ReadOnlySpan<int> products = _windows.OfWindow(y, x);
                for (int c = 0; c < count; c++)
                {
                    for (int value = 0; value < 16; value++)
                    {
                        var target = new Span<float>(values + (value * BlockLanes), vectors * kernels.Lanes);
                        if (products[value] < 0)
                        {
                            target.Clear();
                        }
                        else
                        {
                            new Span<float>(sums + (products[value] * SumStep) + ((channel + c) * (nint)_lanes) + lane, target.Length).CopyTo(target);
                        }
                    }

                    arguments.Target = block + (c * BlockLanes);
                    kernels.WeightGradient(&arguments);
                }

                for (int place = 0; place < 9; place++)
                {
                    int tap = _windows.Tap(y, x, place);
                    if (tap >= 0)
                    {
                        WeightPacking.Transpose(
                            block + (place * Block * BlockLanes), BlockLanes, count, used,
                            dw + (((lane * (nint)_windows.Taps) + tap) * _inChannels) + channel, (nint)_windows.Taps * _inChannels);
                    }
                }
            }
        }
    }

    /// <summary>Panels [PanelBegin, PanelEnd) and the memory that they are worked on in.</summary>
    private sealed class Part
    {
        public required int PanelBegin { get; init; }

        public required int PanelEnd { get; init; }

        public required float* Inputs { get; init; }

        public required float* Gradients { get; init; }

        public required float* Sums { get; init; }

        public required float* Zeros { get; init; }
    }
}
