using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>
/// The gradient of a 3×3 convolution's weights through the transposed maps: <c>dw = Gᵀ·[Σ over tiles (A·dy·Aᵀ) ∘ (Bᵀ·x·B)]·G</c>,
/// a matrix product for each of a tile's values, whose sums run over tiles. Chains of up to 512 tiles add up in order. Of layers with few channels, whose sums
/// are small, every split of the tiles has sums of its own, and takes block after block through both stages within the second-level cache;
/// the splits add up last.
/// </summary>
internal sealed unsafe class WinogradWeightGradient
{
    private const long MostBytes = 24L << 20;
    private const int TilesPerChain = 512;
    private const int TilesPerPiece = 32;
    private const int ChannelsPerPiece = 96;
    private const long MostBytesOfSplit = 100 << 10;
    private const int BytesPerBlock = 768 << 10;
    private const int MostSplits = 16;
    private const int Block = 16;
    private const int BlockLanes = 64;
    private const int Line = 16;

    private readonly WinogradGrid _grid;
    private readonly TileShape _shape;
    private readonly TileKernels _products;
    private readonly WinogradKernels _inputKernels;
    private readonly WinogradKernels _gradientKernels;
    private readonly int _inChannels;
    private readonly nint _tileStep;
    private readonly int _groups;
    private readonly int _groupTiles;
    private readonly int _splits;

    public WinogradWeightGradient(WinogradGrid grid, TileShape shape, VectorUnit unit, int inChannels)
    {
        _grid = grid;
        _shape = shape;
        _products = TileKernels.OfWidth(shape.Lanes);
        _inputKernels = WinogradKernels.ForTiles(grid.Tile, inChannels, unit);
        _gradientKernels = WinogradKernels.ForTiles(grid.Tile, shape.Channels, unit);
        _inChannels = inChannels;
        _tileStep = WinogradConvolution.OddLines(inChannels);
        // How tiles are grouped is how sums are rounded: it must not depend on the vectors' width.
        long sumBytes = Values * (long)inChannels * Lines(shape.Channels) * sizeof(float);
        long tileBytes = Values * (Lines(inChannels) + Lines(shape.Channels)) * sizeof(float);
        if (sumBytes <= MostBytesOfSplit)
        {
            _tileStep = Split.Parts(inChannels, _inputKernels.Lanes) * _inputKernels.Lanes;
            // No split or block without a tile: nobody else writes its sums.
            _splits = (int)Math.Min(grid.Tiles, SplitsOf(sumBytes, grid.OutputBytes(inChannels + shape.Channels)));
            long tiles = BytesPerBlock / tileBytes;
            _groups = (int)Math.Min(grid.Tiles, Split.Parts(grid.Tiles, tiles * _splits) * (long)_splits);
            _groupTiles = Split.Parts(grid.Tiles, _groups);
            return;
        }

        long most = Math.Max(TilesPerPiece, MostBytes / tileBytes);
        _groups = Split.Parts(grid.Tiles, most);
        _groupTiles = Split.Parts(grid.Tiles, _groups);
    }

    private static long Lines(int channels) => Split.Parts(channels, Line) * (long)Line;

    private int Values => _grid.Tile.Values;

    /// <summary>As many splits, a power of two, as have sums of a quarter of the size of what they are summed from: one thread's sums are read by another.</summary>
    private static int SplitsOf(long sumBytes, long bytes)
    {
        int splits = 2;
        while (splits < MostSplits && 8 * splits * sumBytes <= bytes)
        {
            splits *= 2;
        }

        return splits;
    }

    private nint InputValueStep => (_groupTiles * _tileStep) + Line;

    private nint GradientValueStep => (_groupTiles * (nint)_shape.PaddedChannels) + Line;

    private nint SumValueStep => (_inChannels * (nint)_shape.PaddedChannels) + Line;

    private nint SplitStep => Values * SumValueStep;

    public void Run(WorkerPool pool, CpuAllocator allocator, float* x, float* dy, float* dw)
    {
        using CpuBuffer sums = allocator.Allocate(Math.Max(1, _splits) * SplitStep * sizeof(float));
        using CpuBuffer zeros = allocator.Allocate(WinogradGrid.ZeroCount(Math.Max(_inChannels, _shape.PaddedChannels)) * sizeof(float));
        new Span<byte>(zeros.Pointer, (int)zeros.ByteLength).Clear();
        if (_splits > 0)
        {
            RunSplits(pool, allocator, x, dy, (float*)sums.Pointer, (float*)zeros.Pointer);
        }
        else
        {
            RunGroups(pool, allocator, x, dy, (float*)sums.Pointer, (float*)zeros.Pointer);
        }

        int blocks = Split.Parts(_inChannels, Block);
        pool.For(blocks * Split.Parts(_shape.Channels, BlockLanes), piece => Finish(piece % blocks * Block, piece / blocks * BlockLanes, (float*)sums.Pointer, dw));
    }

    private void RunSplits(WorkerPool pool, CpuAllocator allocator, float* x, float* dy, float* sums, float* zeros)
    {
        using var scratch = new ScratchSlots(allocator, pool.SlotsFor(_splits), Values * (InputValueStep + GradientValueStep) * sizeof(float));
        pool.For(_splits, (split, slot) =>
        {
            float* inputs = (float*)scratch.Pointer(slot);
            float* gradients = inputs + (Values * InputValueStep);
            int first = Split.Begin(_groups, _splits, split);
            for (int block = first; block < Split.Begin(_groups, _splits, split + 1); block++)
            {
                long begin = _grid.Tiles * block / _groups;
                int tiles = (int)((_grid.Tiles * (block + 1) / _groups) - begin);
                Transform(begin, 0, tiles, x, dy, inputs, gradients, zeros);
                for (int piece = 0; piece < Values * _shape.Panels; piece++)
                {
                    (int panel, int value) = Math.DivRem(piece, Values);
                    Multiply(value, 0, _inChannels, panel, tiles, block == first, inputs, gradients, sums + (split * SplitStep));
                }
            }
        });
        pool.For(Values, value => WeightGradient.AddRow(sums + (value * SumValueStep), _splits, SplitStep, sums + (value * SumValueStep), (int)SumValueStep - Line));
    }

    private void RunGroups(WorkerPool pool, CpuAllocator allocator, float* x, float* dy, float* sums, float* zeros)
    {
        using CpuBuffer inputs = allocator.Allocate(Values * InputValueStep * sizeof(float));
        using CpuBuffer gradients = allocator.Allocate(Values * GradientValueStep * sizeof(float));
        int channelParts = Split.Parts(_inChannels, ChannelsPerPiece);
        for (int group = 0; group < _groups; group++)
        {
            long begin = _grid.Tiles * group / _groups;
            int tiles = (int)((_grid.Tiles * (group + 1) / _groups) - begin);
            int pieces = Split.Parts(tiles, TilesPerPiece);
            pool.For(pieces, piece => Transform(
                begin, Split.Begin(tiles, pieces, piece), Split.Begin(tiles, pieces, piece + 1), x, dy, (float*)inputs.Pointer, (float*)gradients.Pointer, zeros));

            bool first = group == 0;
            pool.For(Values * channelParts * _shape.Panels, piece =>
            {
                (int value, int rest) = Math.DivRem(piece, channelParts * _shape.Panels);
                (int part, int panel) = Math.DivRem(rest, _shape.Panels);
                Multiply(
                    value, Split.Begin(_inChannels, channelParts, part), Split.Begin(_inChannels, channelParts, part + 1), panel, tiles, first,
                    (float*)inputs.Pointer, (float*)gradients.Pointer, sums);
            });
        }
    }

    /// <summary>Tiles [begin, end) of the group that starts at tile <paramref name="group"/>.</summary>
    private void Transform(long group, int begin, int end, float* x, float* dy, float* inputs, float* gradients, float* zeros)
    {
        _grid.Inputs(_inputKernels, x, _inChannels, group + begin, group + end, inputs + (begin * _tileStep), _tileStep, InputValueStep, zeros);
        _grid.Gradients(_gradientKernels, dy, _shape, 0, _shape.Panels, group, _groupTiles, group + begin, group + end, gradients, GradientValueStep, zeros);
    }

    private void Multiply(int value, int begin, int end, int panel, int tiles, bool first, float* inputs, float* gradients, float* sums)
    {
        int columns = _shape.Columns(panel);
        int lanes = columns * _shape.Lanes;
        int parts = Split.Parts(end - begin, _shape.MaxRows(columns));
        int chains = Split.Parts(tiles, TilesPerChain);
        var run = new TileRun(0, 0, tiles);
        var product = new TileArguments
        {
            StepA = _tileStep * sizeof(float),
            StepB = lanes * sizeof(float),
            StepC = (nint)_shape.PaddedChannels * sizeof(float),
            Runs = &run,
            RunCount = 1,
        };
        for (int chain = 0; chain < chains; chain++)
        {
            int start = Split.Begin(tiles, chains, chain);
            run = run with { Length = Split.Begin(tiles, chains, chain + 1) - start };
            product.B = (byte*)(gradients + (value * GradientValueStep) + ((nint)_groupTiles * _shape.ChannelBegin(panel)) + (start * (nint)lanes));
            for (int i = 0; i < parts; i++)
            {
                int row = begin + Split.Begin(end - begin, parts, i);
                int rows = begin + Split.Begin(end - begin, parts, i + 1) - row;
                product.A = (byte*)(inputs + (value * InputValueStep) + (start * _tileStep) + row);
                product.C = (byte*)(sums + (value * SumValueStep) + (row * (nint)_shape.PaddedChannels) + _shape.ChannelBegin(panel));
                if (first && chain == 0)
                {
                    _products.TransposedProduct(rows, columns, &product);
                }
                else
                {
                    _products.AddedTransposedProduct(rows, columns, &product);
                }
            }
        }
    }

    /// <summary>Turns a block of <c>[value][C][K]</c> into <c>[K][9][C]</c>.</summary>
    [SkipLocalsInit]
    private void Finish(int channel, int lane, float* sums, float* dw)
    {
        float* block = stackalloc float[9 * Block * BlockLanes];
        WinogradKernels kernels = WinogradKernels.Of(_grid.Tile, _shape.Lanes);
        int count = Math.Min(Block, _inChannels - channel);
        int used = Math.Min(BlockLanes, _shape.Channels - lane);
        var arguments = new TransformArguments
        {
            RowStep = _grid.Tile.Inputs * SumValueStep,
            ColumnStep = SumValueStep,
            TargetStep = Block * BlockLanes,
            Vectors = Split.Parts(used, kernels.Lanes),
        };
        for (int c = 0; c < count; c++)
        {
            arguments.Source = sums + ((channel + c) * (nint)_shape.PaddedChannels) + lane;
            arguments.Target = block + (c * BlockLanes);
            kernels.WeightGradient(&arguments);
        }

        for (int tap = 0; tap < 9; tap++)
        {
            WeightPacking.Transpose(
                block + (tap * Block * BlockLanes), BlockLanes, count, used,
                dw + (((lane * (nint)9) + tap) * _inChannels) + channel, 9 * (nint)_inChannels);
        }
    }
}
