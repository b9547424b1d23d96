using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// The gradient of a convolution's weights, <c>dw(k, t, c) = Σ over output pixels p of  x(s·p + l·t − pad, c) · dy(p, k)</c>.
/// A tile is up to 12 rows (tap, input channel) by one panel of output channels; its sum runs over a block of pixels.
/// Blocks add up within a split of the pixels, splits add up last: three short chains of additions instead of one long one,
/// and none depends on the number of threads.
/// </summary>
internal sealed unsafe class WeightGradient
{
    private const double FlopsPerPiece = 2e6;
    private const int PiecesPerThread = 8;
    private const int PackedPiecesPerThread = 4;
    private const int LeastUnitsToPack = 6;
    private const int MostSplits = 32;
    private const long MostPartialBytes = 4L << 20;
    private const int MostPixelsPerBlock = 1024;
    private const int LeastPixelsPerBlock = 256;

    // Half of a common second-level cache: the pixels of wide maps lie whole pages apart and share its sets.
    private const long CacheBytesPerBlock = 1 << 19;
    private const int FewChannels = 10;
    private const int ChannelsPerUnit = 96;
    private const int FloatsPerLine = 64 / sizeof(float);
    private const int LeastRowsToPack = 128;
    private const int LeastChannelsToPack = 128;
    private const int LeastPanelsToPack = 6;

    // Rows of a packed tile: those of the widest panels with 16 registers.
    private const int PackedRows = 4;
    private const int TransposedRows = 16;
    private const int TransposedColumns = 64;

    private readonly Conv2dGeometry _g;
    private readonly TileShape _shape;
    private readonly TileKernels _kernels;
    private readonly List<Unit> _units = [];
    private readonly List<Block> _blocks = [];
    private readonly int _rowsPerBlock;
    private readonly int _splits;
    private readonly int _groups;
    private readonly int _pixels;
    private readonly bool _sumIsLarge;

    // Tiles read the output's gradient so often that a panel's part of its pixels, which lie far apart and share the sets of the first-level
    // cache, or begin within cache lines, is worth copying together.
    private readonly bool _packed;

    // Likewise the input, tile by tile, where its pixels are wide and panels enough come by; with 16 registers, whose tiles are small.
    private readonly bool _packedInput;

    public WeightGradient(in Conv2dGeometry geometry, TileShape shape, int threads)
    {
        _g = geometry;
        _shape = shape;
        _kernels = TileKernels.OfWidth(shape.Lanes);
        MakeUnits();
        _rowsPerBlock = MakeBlocks();
        double flops = 2.0 * _g.OutShape.Positions * Rows * shape.PaddedChannels;
        long bytes = Rows * shape.PaddedChannels * sizeof(float);
        double most = Math.Min(Math.Min(_blocks.Count, MostSplits), Math.Min(flops / FlopsPerPiece, (double)MostPartialBytes / bytes));
        _splits = (int)Math.Max(1, most);
        int GroupsFor(int piecesPerThread)
        {
            int pieces = threads == 1 ? 1 : threads * piecesPerThread;
            return (int)Math.Clamp(Math.Min(Split.Parts(pieces, _splits), flops / FlopsPerPiece / _splits), 1, _units.Count);
        }

        // Groups read the same pixels again, and change no bits: no more of them than the threads need. Each copies the pixels for itself, so that
        // those that do are fewer yet, and none do that have little to read them for.
        _groups = GroupsFor(PackedPiecesPerThread);
        _packed = Rows >= LeastRowsToPack && (shape.Panels > 1 || geometry.OutChannels % FloatsPerLine != 0)
            && (shape.Registers < 32 || _units.Count >= LeastUnitsToPack * _groups);
        _packedInput = _packed && shape.Registers < 32 && geometry.InChannels >= LeastChannelsToPack && shape.Panels >= LeastPanelsToPack;
        _groups = _packed ? _groups : GroupsFor(PiecesPerThread);
        _sumIsLarge = bytes > CacheBytesPerBlock / 2;
        _pixels = _blocks.Count == 0 ? 0 : _blocks.Max(block => block.Pixels);
    }

    /// <summary>Floats of scratch memory that <see cref="Run"/> needs.</summary>
    public long PartialCount => _splits * Rows * _shape.PaddedChannels;

    private long Rows => (long)_g.Taps * _g.InChannels;

    public void Run(WorkerPool pool, CpuAllocator allocator, float* x, float* dy, float* partial, float* dw)
    {
        int slots = _packed ? pool.SlotsFor(_splits * _groups) : 0;
        using (var scratch = new ScratchSlots(allocator, slots, (long)_pixels * (_shape.PaddedChannels + (_packedInput ? ChannelsPerUnit + PackedRows : 0)) * sizeof(float)))
        {
            pool.For(_splits * _groups, (piece, slot) =>
                RunPiece(piece / _groups, piece % _groups, x, dy, _packed ? (float*)scratch.Pointer(slot) : null, partial));
        }

        pool.For(_g.Taps * Split.Parts(_g.InChannels, ChannelsPerUnit), piece => AddSplits(piece, partial, dw));
    }

    /// <summary>Output columns whose tap (ky, kx) reads inside the input.</summary>
    private (int Begin, int End) Columns(int kx) => Inside(((long)kx * _g.DilationW) - _g.PadW, _g.StrideW, _g.InWidth, _g.OutWidth);

    private (int Begin, int End) RowsOf(int ky) => Inside(((long)ky * _g.DilationH) - _g.PadH, _g.StrideH, _g.InHeight, _g.OutHeight);

    private static (int Begin, int End) Inside(long offset, int step, int inExtent, int outExtent)
    {
        int begin = (int)Math.Clamp((-offset + step - 1) / step, 0, outExtent);
        int end = (int)Math.Clamp((inExtent - offset + step - 1) / step, begin, outExtent);
        return (begin, end);
    }

    /// <summary>Units write disjoint parts of the gradient.</summary>
    private void MakeUnits()
    {
        bool merge = _g.InChannels <= FewChannels && _g.KernelWidth > 1 && _g.DilationW == 1;
        for (int ky = 0; ky < _g.KernelHeight; ky++)
        {
            if (merge)
            {
                _units.Add(MergedRow(ky));
                continue;
            }

            for (int kx = 0; kx < _g.KernelWidth; kx++)
            {
                (int begin, int end) = Columns(kx);
                int parts = Split.Parts(_g.InChannels, ChannelsPerUnit);
                for (int i = 0; i < parts; i++)
                {
                    int channel = Split.Begin(_g.InChannels, parts, i);
                    _units.Add(new Unit(ky, [new Stretch(kx, channel, Split.Begin(_g.InChannels, parts, i + 1) - channel, begin, end)]));
                }
            }
        }
    }

    /// <summary>
    /// With few channels, the taps of a kernel row make one long tile: side by side in x as they are in dw. Only columns where all
    /// of them lie inside the input can share it; the others are done tap by tap.
    /// </summary>
    private Unit MergedRow(int ky)
    {
        int begin = 0;
        int end = _g.OutWidth;
        for (int kx = 0; kx < _g.KernelWidth; kx++)
        {
            begin = Math.Max(begin, Columns(kx).Begin);
            end = Math.Min(end, Columns(kx).End);
        }

        end = Math.Max(begin, end);
        var stretches = new List<Stretch> { new(0, 0, _g.KernelWidth * _g.InChannels, begin, end) };
        for (int kx = 0; kx < _g.KernelWidth; kx++)
        {
            (int left, int right) = Columns(kx);
            stretches.Add(new Stretch(kx, 0, _g.InChannels, left, Math.Min(begin, right)));
            stretches.Add(new Stretch(kx, 0, _g.InChannels, Math.Max(end, left), right));
        }

        // The empty ones too: rows of the gradient that no column reaches are zero, and cleared by them.
        return new Unit(ky, [.. stretches]);
    }

    private int MakeBlocks()
    {
        int pixels = (int)Math.Clamp(CacheBytesPerBlock / (sizeof(float) * ((long)_g.InChannels + _g.OutChannels)), LeastPixelsPerBlock, MostPixelsPerBlock);
        int across = Math.Max(1, Split.Parts(_g.OutWidth, pixels));
        int rows = _g.Batch * _g.OutHeight;
        int rowsPerBlock = Math.Max(1, pixels * across / Math.Max(1, _g.OutWidth));
        int down = Split.Parts(rows, rowsPerBlock);
        for (int i = 0; i < down; i++)
        {
            for (int j = 0; j < across; j++)
            {
                _blocks.Add(new Block(
                    Split.Begin(rows, down, i), Split.Begin(rows, down, i + 1), Split.Begin(_g.OutWidth, across, j), Split.Begin(_g.OutWidth, across, j + 1)));
            }
        }

        return rowsPerBlock;
    }

    private void RunPiece(int split, int group, float* x, float* dy, float* packed, float* partial)
    {
        float* sum = partial + (split * (nint)Rows * _shape.PaddedChannels);
        int unitBegin = Split.Begin(_units.Count, _groups, group);
        int unitEnd = Split.Begin(_units.Count, _groups, group + 1);
        for (int u = unitBegin; u < unitEnd; u++)
        {
            Clear(_units[u], sum);
        }

        var runs = new TileRun[_rowsPerBlock];
        fixed (TileRun* runsBegin = runs)
        {
            var product = new TileArguments
            {
                StepA = (nint)_g.StrideW * _g.InChannels * sizeof(float),
                Runs = runsBegin,
            };
            for (int b = Split.Begin(_blocks.Count, _splits, split); b < Split.Begin(_blocks.Count, _splits, split + 1); b++)
            {
                if (_packed)
                {
                    Pack(_blocks[b], dy, packed);
                }

                for (int u = unitBegin; u < unitEnd; u++)
                {
                    foreach (Stretch stretch in _units[u].Stretches)
                    {
                        product.RunCount = MakeRuns(_blocks[b], _units[u].Ky, stretch, runs);
                        if (product.RunCount == 0)
                        {
                            continue;
                        }

                        float* pixels = x + stretch.Channel;
                        TileArguments tiles = product;
                        if (_packedInput)
                        {
                            pixels = packed + (_pixels * (nint)_shape.PaddedChannels);
                            PackInput(x + stretch.Channel, stretch.Rows, product.StepA, runs.AsSpan(0, (int)product.RunCount), pixels);
                            tiles.StepA = PackedRows * sizeof(float);
                        }

                        RunTiles(_units[u].Ky, stretch, pixels, _packed ? packed : dy, sum, tiles);
                    }
                }
            }
        }
    }

    private void Clear(Unit unit, float* sum)
    {
        foreach (Stretch stretch in unit.Stretches)
        {
            float* begin = sum + (FirstRow(unit.Ky, stretch) * _shape.PaddedChannels);
            for (int i = 0; i < stretch.Rows; i++)
            {
                new Span<float>(begin + ((nint)i * _shape.PaddedChannels), _shape.PaddedChannels).Clear();
            }
        }
    }

    private nint FirstRow(int ky, Stretch stretch) => ((((nint)ky * _g.KernelWidth) + stretch.Kx) * _g.InChannels) + stretch.Channel;

    /// <summary>One run for every row of the block that the tap finds inside the input; returns how many.</summary>
    private int MakeRuns(in Block block, int ky, in Stretch stretch, TileRun[] runs)
    {
        int begin = Math.Max(block.Left, stretch.Begin);
        int end = Math.Min(block.Right, stretch.End);
        if (begin >= end)
        {
            return 0;
        }

        (int top, int bottom) = RowsOf(ky);
        nint inX = (nint)(((long)begin * _g.StrideW) - _g.PadW + ((long)stretch.Kx * _g.DilationW));
        int count = 0;
        for (int row = block.Top; row < block.Bottom; row++)
        {
            int n = row / _g.OutHeight;
            int outY = row % _g.OutHeight;
            if (outY >= top && outY < bottom)
            {
                nint inY = (nint)(((long)outY * _g.StrideH) - _g.PadH + ((long)ky * _g.DilationH));
                nint pixel = (((n * (nint)_g.InHeight) + inY) * _g.InWidth) + inX;
                nint step = _packed ? ((nint)(row - block.Top) * (block.Right - block.Left)) + begin - block.Left : ((nint)row * _g.OutWidth) + begin;
                runs[count++] = new TileRun(pixel * _g.InChannels * sizeof(float), step, end - begin);
            }
        }

        return count;
    }

    /// <summary>Lays a block of the output's gradient out panel by panel, <c>[pixel][the panel's channels]</c>. Past its last channel follows what the tiles drop.</summary>
    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Pack(in Block block, float* dy, float* packed)
    {
        nint* begins = stackalloc nint[_shape.Panels + 1];
        for (int panel = 0; panel <= _shape.Panels; panel++)
        {
            begins[panel] = _shape.ChannelBegin(panel);
        }

        nint pixel = 0;
        for (int row = block.Top; row < block.Bottom; row++)
        {
            float* source = dy + ((((nint)row * _g.OutWidth) + block.Left) * _g.OutChannels);
            for (int column = block.Left; column < block.Right; column++, pixel++, source += _g.OutChannels)
            {
                for (int panel = 0; panel < _shape.Panels; panel++)
                {
                    nint begin = begins[panel];
                    nint lanes = begins[panel + 1] - begin;
                    float* target = packed + (begin * _pixels) + (pixel * lanes);
                    nint i = 0;
                    for (; i + 8 <= lanes; i += 8)
                    {
                        Vector256.Load(source + begin + i).Store(target + i);
                    }

                    for (; i < lanes; i += 4)
                    {
                        Vector128.Load(source + begin + i).Store(target + i);
                    }
                }
            }
        }
    }

    /// <summary>Lays some channels of the runs' pixels out tile by tile, <c>[pixel][the tile's channels]</c>, and lets the runs begin there.</summary>
    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackInput(float* x, int channels, nint step, Span<TileRun> runs, float* packed)
    {
        float* target = packed;
        nint tileStep = (nint)_pixels * PackedRows;
        foreach (ref TileRun run in runs)
        {
            byte* source = (byte*)x + run.A;
            run = run with { A = (nint)((byte*)target - (byte*)packed) };
            for (nint left = run.Length; left > 0; left--, source += step, target += PackedRows)
            {
                float* to = target;
                for (nint i = 0; i < channels; i += PackedRows, to += tileStep)
                {
                    Vector128.Load((float*)source + i).Store(to);
                }
            }
        }
    }

    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunTiles(int ky, in Stretch stretch, float* x, float* dy, float* sum, TileArguments product)
    {
        for (int panel = 0; panel < _shape.Panels; panel++)
        {
            int columns = _shape.Columns(panel);
            int most = _packedInput ? PackedRows : _shape.MaxRows(columns);
            int tiles = Split.Parts(stretch.Rows, most);
            (int shortest, int longer) = Math.DivRem(stretch.Rows, tiles);
            int bytes = columns * _shape.Lanes * sizeof(float);
            product.B = (byte*)(dy + (_shape.ChannelBegin(panel) * (_packed ? (nint)_pixels : 1)));
            product.StepB = _packed ? bytes : (nint)_g.OutChannels * sizeof(float);
            product.C = (byte*)(sum + (FirstRow(ky, stretch) * _shape.PaddedChannels) + _shape.ChannelBegin(panel));
            product.StepC = (nint)_shape.PaddedChannels * sizeof(float);
            product.A = (byte*)x;
            for (int i = 0; i < tiles; i++)
            {
                // Packed tiles are whole, but the last.
                int rows = _packedInput ? Math.Min(PackedRows, stretch.Rows - (i * PackedRows)) : i < longer ? shortest + 1 : shortest;
                if (_sumIsLarge)
                {
                    TileFinish.Prefetch(product.C, product.StepC, rows, bytes);
                }

                _kernels.AddedTransposedProduct(rows, columns, &product);
                product.A += _packedInput ? (nint)_pixels * PackedRows * sizeof(float) : rows * sizeof(float);
                product.C += rows * product.StepC;
            }
        }
    }

    /// <summary>Sums the splits in order and turns <c>[tap][C][K]</c> into <c>[K][tap][C]</c>.</summary>
    [SkipLocalsInit]
    private void AddSplits(int piece, float* partial, float* dw)
    {
        float* block = stackalloc float[TransposedRows * TransposedColumns];
        int parts = Split.Parts(_g.InChannels, ChannelsPerUnit);
        (int tap, int part) = Math.DivRem(piece, parts);
        int end = Split.Begin(_g.InChannels, parts, part + 1);
        nint size = (nint)Rows * _shape.PaddedChannels;
        for (int k = 0; k < _g.OutChannels; k += TransposedColumns)
        {
            int columns = Math.Min(TransposedColumns, _g.OutChannels - k);
            for (int c = Split.Begin(_g.InChannels, parts, part); c < end; c += TransposedRows)
            {
                int rows = Math.Min(TransposedRows, end - c);
                float* source = partial + ((((nint)tap * _g.InChannels) + c) * _shape.PaddedChannels) + k;
                for (int row = 0; row < rows; row++, source += _shape.PaddedChannels)
                {
                    AddRow(source, _splits, size, block + (row * TransposedColumns), columns);
                }

                WeightPacking.Transpose(block, TransposedColumns, rows, columns, dw + (((k * (nint)_g.Taps) + tap) * _g.InChannels) + c, (nint)_g.Taps * _g.InChannels);
            }
        }
    }

    /// <summary>Adds rows that lie <paramref name="size"/> apart, in order. What lies past the row's end up to a whole vector is added too.</summary>
    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddRow(float* source, int splits, nint size, float* target, int count)
    {
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            Vector<float> sum = Vector.Load(source + i);
            for (int s = 1; s < splits; s++)
            {
                sum += Vector.Load(source + i + (s * size));
            }

            sum.Store(target + i);
        }
    }

    /// <summary>Rows of the gradient (from kernel column Kx and channel Channel on) that share their pixels: output columns [Begin, End).</summary>
    private readonly record struct Stretch(int Kx, int Channel, int Rows, int Begin, int End);

    private readonly record struct Unit(int Ky, Stretch[] Stretches);

    /// <summary>Rows [Top, Bottom), counted through the batch, and columns [Left, Right) of the output.</summary>
    private readonly record struct Block(int Top, int Bottom, int Left, int Right)
    {
        public int Pixels => (Bottom - Top) * (Right - Left);
    }
}
