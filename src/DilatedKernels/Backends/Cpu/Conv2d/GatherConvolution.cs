using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// A convolution in which every output pixel collects from the input: the forward pass, and the input's gradient.
/// A tile is up to 12 pixels of one region, in a row or in a column, by one panel of output channels.
/// </summary>
internal sealed unsafe class GatherConvolution
{
    private const double FlopsPerPiece = 2e6;
    private const int PixelsPerChunkPass = 128;
    private const int PiecesWanted = 64;

    private readonly GatherPlan _plan;
    private readonly TileShape _shape;
    private readonly TileKernels _kernels;
    private readonly Shape _in;
    private readonly Shape _out;
    private readonly int _terms;
    private readonly List<Piece> _pieces = [];

    public GatherConvolution(GatherPlan plan, TileShape shape, Shape input, Shape output, int taps)
    {
        _plan = plan;
        _shape = shape;
        _kernels = TileKernels.OfWidth(shape.Lanes);
        _in = input;
        _out = output;
        _terms = taps * input.C;
        MakePieces();
    }

    public required float* Input { get; init; }

    /// <summary>Weights as <see cref="WeightPacking"/> lays them out.</summary>
    public required float* Packed { get; init; }

    public required float* Output { get; init; }

    public float* Bias { get; init; }

    public bool Relu { get; init; }

    /// <summary>Laid out as the output, which is 0 where this is not positive; or null.</summary>
    public float* Mask { get; init; }

    public void Run(WorkerPool pool) => pool.For(_pieces.Count, RunPiece);

    private void MakePieces()
    {
        int rowsY = _plan.Y.Count;
        int rowsX = _plan.X.Count;
        if (rowsY == 0 || rowsX == 0)
        {
            return;
        }

        double pixels = (double)_out.N * rowsY * rowsX;
        double flopsPerPixel = 2.0 * _terms * _shape.PaddedChannels / _shape.Panels;
        double wanted = Math.Max(FlopsPerPiece / Math.Max(1, flopsPerPixel), pixels * _shape.Panels / PiecesWanted);
        if (_plan.ChunkCount > 1)
        {
            wanted = Math.Max(wanted, PixelsPerChunkPass);
        }

        int rows = (int)Math.Clamp(Math.Round(wanted / rowsX), 1, rowsY);
        for (int panel = 0; panel < _shape.Panels; panel++)
        {
            for (int n = 0; n < _out.N; n++)
            {
                for (int y = 0; y < _plan.Y.Segments.Length; y++)
                {
                    AxisSegment segment = _plan.Y.Segments[y];
                    int length = segment.End - segment.Begin;
                    int parts = Split.Parts(length, rows);
                    for (int i = 0; i < parts; i++)
                    {
                        _pieces.Add(new Piece(n, y, segment.Begin + Split.Begin(length, parts, i), segment.Begin + Split.Begin(length, parts, i + 1), panel));
                    }
                }
            }
        }
    }

    [SkipLocalsInit]
    private void RunPiece(int index)
    {
        Piece piece = _pieces[index];
        float* memory = stackalloc float[TileKernels.MaxTile + 16];
        byte* tile = (byte*)(((nuint)memory + 63) & ~(nuint)63);
        int columns = _shape.Columns(piece.Panel);
        nint tileStep = columns * _shape.Lanes * sizeof(float);
        fixed (TileRun* runs = _plan.Runs)
        {
            var product = new TileArguments
            {
                StepA = sizeof(float),
                B = (byte*)(Packed + ((nint)_shape.ChannelBegin(piece.Panel) * _terms)),
                StepB = tileStep,
            };
            for (int chunk = 0; chunk < _plan.ChunkCount; chunk++)
            {
                for (int x = 0; x < _plan.X.Segments.Length; x++)
                {
                    (int first, int last) = _plan.Chunks(piece.YSegment, x);
                    (int begin, int count) = _plan.RunsOf(piece.YSegment, x, chunk);
                    if (chunk < first || chunk > last || (count == 0 && first != last))
                    {
                        continue;
                    }

                    var finish = new FinishArguments
                    {
                        Tile = tile,
                        TileStep = tileStep,
                        Channels = _shape.ChannelCount(piece.Panel),
                        Accumulate = chunk > first,
                        Bias = chunk == last && Bias != null ? Bias + _shape.ChannelBegin(piece.Panel) : null,
                        Relu = chunk == last && Relu,
                        ToMask = chunk == last && Mask != null ? (nint)((byte*)Mask - (byte*)Output) : 0,
                    };
                    product.Runs = runs + begin;
                    product.RunCount = count;
                    RunRegion(piece, _plan.X.Segments[x], columns, product, finish);
                }
            }
        }
    }

    private void RunRegion(in Piece piece, AxisSegment segment, int columns, TileArguments product, FinishArguments finish)
    {
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
            + ((((((piece.N * (nint)_out.H) + _plan.Y.OutStart) * _out.W) + _plan.X.OutStart) * _out.C) + _shape.ChannelBegin(piece.Panel)) * sizeof(float)
            + (piece.Begin * outY) + (segment.Begin * outX);
        (nint inStep, nint inLine) = alongX ? (inX, inY) : (inY, inX);
        (nint outStep, nint outLine) = alongX ? (outX, outY) : (outY, outX);

        product.RowStep = inStep;
        finish.TargetStep = outStep;
        bool direct = !finish.Accumulate && finish.Bias == null && !finish.Relu && finish.ToMask == 0 && finish.Channels == columns * _shape.Lanes;
        product.C = finish.Tile;
        product.StepC = direct ? outStep : finish.TileStep;
        for (int line = 0; line < lines; line++)
        {
            for (int i = 0; i < tiles; i++)
            {
                int begin = Split.Begin(length, tiles, i);
                int rows = Split.Begin(length, tiles, i + 1) - begin;
                product.A = source + (line * inLine) + (begin * inStep);
                finish.Target = target + (line * outLine) + (begin * outStep);
                finish.Rows = rows;
                if (direct)
                {
                    product.C = finish.Target;
                    _kernels.Product(rows, columns, &product);
                }
                else
                {
                    _kernels.Product(rows, columns, &product);
                    _kernels.Finish(&finish);
                }
            }
        }
    }

    private readonly record struct Piece(int N, int YSegment, int Begin, int End, int Panel);
}
