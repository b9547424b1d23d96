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

    // Of a second-level cache of a megabyte, with the weights of a panel beside. Where there are several chunks, whose weights
    // come from further away for every block, larger blocks pay.
    private const long InputBytesPerBlock = 3 << 16;
    private const long InputBytesPerChunk = 1 << 19;
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
    private readonly List<Piece> _pieces = [];

    public GatherConvolution(GatherPlan plan, TileShape shape, Shape input, Shape output, int taps)
    {
        _plan = plan;
        _shape = shape;
        _kernels = TileKernels.OfWidth(shape.Lanes);
        _in = input;
        _out = output;
        _terms = taps * input.C;
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

        long bytes = _plan.ChunkCount > 1 ? InputBytesPerChunk : InputBytesPerBlock;
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
            for (int chunk = first; chunk <= last; chunk++)
            {
                (int begin, int count) = _plan.RunsOf(piece.YSegment, piece.XSegment, chunk);
                if (count == 0 && first != last)
                {
                    continue;
                }

                for (int panel = piece.PanelBegin; panel < piece.PanelEnd; panel++)
                {
                    nint tileStep = _shape.Columns(panel) * _shape.Lanes * sizeof(float);
                    var product = new TileArguments
                    {
                        B = (byte*)(Packed + ((nint)_shape.ChannelBegin(panel) * _terms)),
                        StepB = tileStep,
                        Runs = runs + begin,
                        RunCount = count,
                    };
                    var finish = new FinishArguments
                    {
                        Tile = tile,
                        TileStep = tileStep,
                        Channels = _shape.ChannelCount(panel),
                        Accumulate = chunk > first,
                        Bias = chunk == last && Bias != null ? Bias + _shape.ChannelBegin(panel) : null,
                        Relu = chunk == last && Relu,
                        ToMask = chunk == last && Mask != null ? (nint)((byte*)Mask - (byte*)Output) : 0,
                    };
                    RunRegion(piece, _plan.X.Segments[piece.XSegment], panel, product, finish);
                }
            }
        }

        if (_streams && Sse.IsSupported)
        {
            // What went past the caches is ordered before what tells others of it.
            Sse.StoreFence();
        }
    }

    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunRegion(in Piece piece, AxisSegment segment, int panel, TileArguments product, FinishArguments finish)
    {
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

        product.StepA = inStep;
        finish.TargetStep = outStep;
        bool direct = !finish.Accumulate && finish.Bias == null && !finish.Relu && finish.ToMask == 0 && finish.Channels == columns * _shape.Lanes;
        bool streamed = direct && _streams && (nuint)target % (nuint)(_shape.Lanes * sizeof(float)) == 0;
        product.C = finish.Tile;
        product.StepC = direct ? outStep : finish.TileStep;
        // Small tiles of a few terms that are written at once keep the memory busy by themselves.
        bool prefetch = !streamed && (!direct || _terms >= LeastTermsToPrefetch || _shape.Registers >= 32);
        (int shortest, int longer) = Math.DivRem(length, tiles);
        for (int line = 0; line < lines; line++)
        {
            product.A = source + (line * inLine);
            finish.Target = target + (line * outLine);
            for (int i = 0; i < tiles; i++)
            {
                int rows = i < longer ? shortest + 1 : shortest;
                finish.Rows = rows;
                if (prefetch)
                {
                    TileFinish.Prefetch(finish.Target, finish.TargetStep, rows, finish.Channels * sizeof(float));
                }

                if (streamed)
                {
                    product.C = finish.Target;
                    _kernels.StreamedProduct(rows, columns, &product);
                }
                else if (direct)
                {
                    product.C = finish.Target;
                    _kernels.Product(rows, columns, &product);
                }
                else
                {
                    _kernels.Product(rows, columns, &product);
                    _kernels.Finish(&finish);
                }

                product.A += rows * inStep;
                finish.Target += rows * outStep;
            }
        }
    }

    private readonly record struct Piece(int N, int YSegment, int XSegment, int Begin, int End, int PanelBegin, int PanelEnd);
}
