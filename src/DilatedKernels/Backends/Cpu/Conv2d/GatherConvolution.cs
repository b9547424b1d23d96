using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// A convolution in which every output pixel collects from the input: the forward pass, and the input's gradient.
/// A tile is up to 12 pixels of one region, in a row or in a column, by one panel of output channels.
/// </summary>
internal sealed unsafe class GatherConvolution
{
    private const double FlopsPerPiece = 2e6;
    private const int LeastPixels = 96;
    private const int LeastPixelsPerChunk = 128;

    // Shares of the second-level cache in sixteenths: of the input, with the weights of a panel beside. Where there are several chunks,
    // whose weights come from further away for every block, larger blocks pay.
    private const int InputShareOfBlock = 3;
    private const int InputShareOfChunk = 8;
    private const int WeightShareOfVisit = 3;
    private const int MostChunksPerVisit = 8;
    private const int PiecesWanted = 64;
    private const int LeastTermsToPrefetch = 64;

    // A sum of few terms takes less time than its result's way to memory, and the first of a map of this size have left the nearer caches
    // when the last are written. Past the caches they are not read before they are written, and drive nothing out.
    private const int MostTermsToStream = 63;
    private const long LeastBytesToStream = 4L << 20;

    private readonly GatherPlan _plan;
    private readonly TileShape _shape;
    private readonly TileKernels _kernels;
    private readonly Shape _in;
    private readonly Shape _out;
    private readonly int _terms;
    private readonly bool _streams;
    private readonly long _cache;
    private readonly int _chunksPerVisit;
    private readonly List<Piece> _pieces = [];

    public GatherConvolution(GatherPlan plan, TileShape shape, VectorUnit unit, Shape input, Shape output, int taps)
    {
        _plan = plan;
        _shape = shape;
        _kernels = TileKernels.OfWidth(shape.Lanes);
        _in = input;
        _out = output;
        _terms = taps * input.C;
        _cache = unit.SecondLevelCache;
        long chunkBytes = (long)plan.MostTermsOfChunk * shape.WidestColumns * shape.Lanes * sizeof(float);
        _chunksPerVisit = (int)Math.Clamp(_cache / 16 * WeightShareOfVisit / Math.Max(1, chunkBytes), 1, MostChunksPerVisit);
        _streams = IsStreamed(taps, input, output) && shape.HasWholeLines;
        MakePieces();
    }

    /// <summary>The shape of the tiles for so many output channels: where they can be panels of whole cache lines, a line of the output is one tile's and comes and goes once.</summary>
    public static TileShape ShapeFor(VectorUnit unit, int outChannels) => TileShape.For(outChannels, unit).InWholeLines();

    public required float* Input { get; init; }

    /// <summary>Weights as <see cref="WeightPacking"/> lays them out.</summary>
    public required float* Packed { get; init; }

    public required float* Output { get; init; }

    public float* Bias { get; init; }

    public bool Relu { get; init; }

    /// <summary>Laid out as the output, which is 0 where this is not positive; or null.</summary>
    public float* Mask { get; init; }

    private static bool IsStreamed(int taps, Shape input, Shape output) =>
        (long)taps * input.C <= MostTermsToStream && output.Count * sizeof(float) >= LeastBytesToStream;

    public void Run(WorkerPool pool) => pool.For(_pieces.Count, RunPiece);

    /// <summary>
    /// A piece is a block of pixels, whose part of the input stays in the second-level cache while one panel after another passes over it.
    /// How the work is cut changes no bits: every output is one sum, in the order of the chunks.
    /// </summary>
    private void MakePieces()
    {
        int rowsY = _plan.Y.Count;
        int rowsX = _plan.X.Count;
        if (rowsY == 0 || rowsX == 0)
        {
            return;
        }

        double pixels = (double)_out.N * rowsY * rowsX;
        double flopsPerPixel = Math.Max(1, 2.0 * _terms * _shape.PaddedChannels);
        double wanted = Math.Max(FlopsPerPiece / flopsPerPixel, pixels / PiecesWanted) * _shape.Panels;
        if (_plan.ChunkCount > 1)
        {
            wanted = Math.Max(wanted, LeastPixelsPerChunk);
        }

        long bytes = _cache / 16 * (_plan.ChunkCount > 1 ? InputShareOfChunk : InputShareOfBlock);
        wanted = Math.Min(wanted, Math.Max(LeastPixels, bytes / (sizeof(float) * Math.Max(1, _plan.ChannelsPerChunk))));
        double most = Math.Min(PiecesWanted * wanted / pixels, flopsPerPixel * wanted / FlopsPerPiece);
        int groups = (int)Math.Clamp(Math.Round(most), 1, _shape.Panels);
        for (int group = 0; group < groups; group++)
        {
            int panelBegin = Split.Begin(_shape.Panels, groups, group);
            int panelEnd = Split.Begin(_shape.Panels, groups, group + 1);
            for (int n = 0; n < _out.N; n++)
            {
                for (int y = 0; y < _plan.Y.Segments.Length; y++)
                {
                    AddPieces(n, y, wanted, panelBegin, panelEnd);
                }
            }
        }
    }

    private void AddPieces(int n, int y, double pixels, int panelBegin, int panelEnd)
    {
        AxisSegment segment = _plan.Y.Segments[y];
        int length = segment.End - segment.Begin;
        for (int x = 0; x < _plan.X.Segments.Length; x++)
        {
            int width = _plan.X.Segments[x].End - _plan.X.Segments[x].Begin;
            int parts = Split.Parts(length, (int)Math.Clamp(Math.Round(pixels / width), 1, length));
            for (int i = 0; i < parts; i++)
            {
                _pieces.Add(new Piece(n, y, x, segment.Begin + Split.Begin(length, parts, i), segment.Begin + Split.Begin(length, parts, i + 1), panelBegin, panelEnd));
            }
        }
    }

    [SkipLocalsInit]
    private void RunPiece(int index)
    {
        Piece piece = _pieces[index];
        float* memory = stackalloc float[TileKernels.MaxTile + 16];
        byte* tile = (byte*)(((nuint)memory + 63) & ~(nuint)63);
        (int first, int last) = _plan.Chunks(piece.YSegment, piece.XSegment);
        fixed (TileRun* runs = _plan.Runs)
        {
            for (int chunk = first; chunk <= last; chunk += _chunksPerVisit)
            {
                int end = Math.Min(last + 1, chunk + _chunksPerVisit);
                for (int panel = piece.PanelBegin; panel < piece.PanelEnd; panel++)
                {
                    RunRegion(piece, panel, chunk, end, runs, tile);
                }
            }
        }

        if (_streams && Sse.IsSupported)
        {
            // What went past the caches is ordered before what tells others of it.
            Sse.StoreFence();
        }
    }

    /// <summary>The chunks [begin, end) of a piece's tiles for one panel.</summary>
    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunRegion(in Piece piece, int panel, int begin, int end, TileRun* runs, byte* scratch)
    {
        AxisSegment segment = _plan.X.Segments[piece.XSegment];
        int columns = _shape.Columns(panel);
        int width = segment.End - segment.Begin;
        int height = piece.End - piece.Begin;
        int maxRows = _shape.MaxRows(columns);
        // A narrow region (the edge of an undilated map is one pixel wide) is tiled down its columns.
        bool alongX = (long)height * Split.Parts(width, maxRows) <= (long)width * Split.Parts(height, maxRows);
        int lines = alongX ? height : width;
        int length = alongX ? width : height;
        int tiles = Split.Parts(length, maxRows);

        nint inX = (nint)_plan.X.InStep * _in.C * sizeof(float);
        nint inY = (nint)_plan.Y.InStep * _in.W * _in.C * sizeof(float);
        nint outX = (nint)_plan.X.OutStep * _out.C * sizeof(float);
        nint outY = (nint)_plan.Y.OutStep * _out.W * _out.C * sizeof(float);
        byte* source = (byte*)Input + (piece.N * (nint)_in.H * _in.W * _in.C * sizeof(float)) + (piece.Begin * inY) + (segment.Begin * inX);
        byte* target = (byte*)Output
            + ((((((piece.N * (nint)_out.H) + _plan.Y.OutStart) * _out.W) + _plan.X.OutStart) * _out.C) + _shape.ChannelBegin(panel)) * sizeof(float)
            + (piece.Begin * outY) + (segment.Begin * outX);
        (nint inStep, nint inLine) = alongX ? (inX, inY) : (inY, inX);
        (nint outStep, nint outLine) = alongX ? (outX, outY) : (outY, outX);

        GatherTile* chunks = stackalloc GatherTile[end - begin];
        bool streamed = _streams && (nuint)target % (nuint)(_shape.Lanes * sizeof(float)) == 0;
        int count = TilesOf(piece, panel, begin, end, inStep, outStep, streamed, runs, scratch, chunks);
        if (count == 0)
        {
            return;
        }

        // Small tiles of a few terms that are written at once keep the memory busy by themselves.
        TileTarget where = chunks[0].Target;
        bool prefetch = where != TileTarget.PastCaches && (where != TileTarget.Output || _terms >= LeastTermsToPrefetch || _shape.Registers >= 32);
        (int shortest, int longer) = Math.DivRem(length, tiles);
        for (int line = 0; line < lines; line++)
        {
            byte* from = source + (line * inLine);
            byte* to = target + (line * outLine);
            for (int i = 0; i < tiles; i++)
            {
                int rows = i < longer ? shortest + 1 : shortest;
                if (prefetch)
                {
                    TileFinish.Prefetch(to, outStep, rows, chunks->Finish.Channels * sizeof(float));
                }

                for (GatherTile* tile = chunks; tile < chunks + count; tile++)
                {
                    GatherTile.Run(tile, _kernels, rows, columns, from, to);
                }

                from += rows * inStep;
                to += rows * outStep;
            }
        }
    }

    /// <summary>Prepares a tile for each chunk of [begin, end) that reaches the input; returns how many.</summary>
    private int TilesOf(in Piece piece, int panel, int begin, int end, nint inStep, nint outStep, bool streamed, TileRun* runs, byte* scratch, GatherTile* tiles)
    {
        nint tileStep = _shape.Columns(panel) * _shape.Lanes * sizeof(float);
        (int first, int last) = _plan.Chunks(piece.YSegment, piece.XSegment);
        int count = 0;
        for (int chunk = begin; chunk < end; chunk++)
        {
            (int run, int runCount) = _plan.RunsOf(piece.YSegment, piece.XSegment, chunk);
            if (runCount == 0 && first != last)
            {
                continue;
            }

            var finish = new FinishArguments
            {
                Tile = scratch,
                TileStep = tileStep,
                TargetStep = outStep,
                Channels = _shape.ChannelCount(panel),
                Accumulate = chunk > first,
                Bias = chunk == last && Bias != null ? Bias + _shape.ChannelBegin(panel) : null,
                Relu = chunk == last && Relu,
                ToMask = chunk == last && Mask != null ? (nint)((byte*)Mask - (byte*)Output) : 0,
            };
            bool plain = GatherTile.IsPlain(finish);
            tiles[count++] = new GatherTile
            {
                Product = new TileArguments
                {
                    StepA = inStep,
                    B = (byte*)(Packed + ((nint)_shape.ChannelBegin(panel) * _terms)),
                    StepB = tileStep,
                    Runs = runs + run,
                    RunCount = runCount,
                    C = scratch,
                    StepC = plain ? outStep : tileStep,
                },
                Finish = finish,
                Target = !plain ? TileTarget.Scratch : finish.Accumulate ? TileTarget.AddedToOutput : streamed ? TileTarget.PastCaches : TileTarget.Output,
            };
        }

        return count;
    }

    private readonly record struct Piece(int N, int YSegment, int XSegment, int Begin, int End, int PanelBegin, int PanelEnd);
}
