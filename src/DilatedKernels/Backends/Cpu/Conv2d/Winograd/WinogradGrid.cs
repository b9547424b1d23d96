namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>The tiles of a batch of maps, numbered image by image and row by row.</summary>
internal sealed unsafe class WinogradGrid
{
    /// <summary>How far a run of tiles at the border may go in one call: what its pixels outside the map point to is that long.</summary>
    private const int MostZeros = 4096;

    private readonly int _batch;
    private readonly WinogradAxis _y;
    private readonly WinogradAxis _x;

    public WinogradGrid(int batch, WinogradAxis y, WinogradAxis x)
    {
        _batch = batch;
        _y = y;
        _x = x;
    }

    public WinogradTile Tile => _y.Tile;

    public long Tiles => (long)_batch * _y.Tiles.Length * _x.Tiles.Length;

    /// <summary>Bytes of maps of the outputs' extent with so many channels.</summary>
    public long OutputBytes(int channels) => (long)_batch * _y.OutExtent * _x.OutExtent * channels * sizeof(float);

    /// <summary>Floats of zeros that the transforms of pixels with so many channels need.</summary>
    public static long ZeroCount(int channels) => MostZeros + channels + 16L;

    /// <summary>
    /// Transforms the inputs of tiles [begin, end): value v of tile t goes to <c>target + v·valueStep + (t − begin)·tileStep</c>.
    /// Channels are widened to whole vectors, with whatever follows a pixel in memory.
    /// </summary>
    public void Inputs(WinogradKernels kernels, float* map, int channels, long begin, long end, float* target, nint tileStep, nint valueStep, float* zeros)
    {
        float** pixels = stackalloc float*[WinogradTile.MostValues];
        var transform = new TileTransform { Pixels = pixels, TileStep = tileStep, ValueStep = valueStep, Vectors = Split.Parts(channels, kernels.Lanes) };
        nint rowStep = (nint)_y.Dilation * _x.InExtent * channels;
        nint columnStep = (nint)_x.Dilation * channels;
        var walk = new Walk(this, begin, end, channels);
        while (walk.Next())
        {
            ref readonly WinogradRun rows = ref walk.Rows;
            ref readonly WinogradRun columns = ref walk.Columns;
            float* image = map + (walk.N * (nint)_y.InExtent * _x.InExtent * channels);
            float* first = image + ((((nint)_y.Input(walk.Y, 0) * _x.InExtent) + (nint)_x.Input(walk.X, 0)) * channels);
            float** pixel = pixels;
            for (int row = 0; row < Tile.Inputs; row++, first += rowStep)
            {
                int inside = ((rows.Inside >> row) & 1) != 0 ? columns.Inside : 0;
                float* next = first;
                for (int column = 0; column < Tile.Inputs; column++, next += columnStep, inside >>= 1)
                {
                    *pixel++ = (inside & 1) != 0 ? next : zeros;
                }
            }

            transform.PixelStep = (nint)columns.Step * channels;
            transform.Tiles = walk.Count;
            transform.Target = target;
            kernels.Input(&transform);
            target += walk.Count * tileStep;
        }
    }

    /// <summary>
    /// Transforms the gradients of the outputs of tiles [begin, end) for some panels, panel by panel, within a group of <paramref name="tiles"/> from tile
    /// <paramref name="group"/> on: value v of tile t goes to <c>target + v·valueStep + tiles·(channels of the panels before) + (t − group)·(the panel's channels)</c>.
    /// </summary>
    public void Gradients(WinogradKernels kernels, float* map, TileShape shape, int panelBegin, int panelEnd, long group, int tiles, long begin, long end, float* target, nint valueStep, float* zeros)
    {
        float** pixels = stackalloc float*[WinogradTile.MostValues];
        int channels = shape.Channels;
        nint rowStep = (nint)_y.Dilation * _x.OutExtent * channels;
        nint columnStep = (nint)_x.Dilation * channels;
        var transform = new TileTransform { Pixels = pixels, ValueStep = valueStep };
        var walk = new Walk(this, begin, end, channels);
        while (walk.Next())
        {
            float* first = map + Output(walk, channels);
            transform.PixelStep = (nint)walk.Columns.Step * channels;
            transform.Tiles = walk.Count;
            for (int panel = panelBegin; panel < panelEnd; panel++)
            {
                int lanes = shape.Columns(panel) * shape.Lanes;
                float** pixel = pixels;
                float* row = first + shape.ChannelBegin(panel);
                for (int y = 0; y < Tile.Outputs; y++, row += rowStep)
                {
                    float* next = row;
                    for (int x = 0; x < Tile.Outputs; x++, next += columnStep)
                    {
                        *pixel++ = y < walk.Rows.Outputs && x < walk.Columns.Outputs ? next : zeros;
                    }
                }

                transform.Target = target + ((nint)tiles * (shape.ChannelBegin(panel) - shape.ChannelBegin(panelBegin))) + ((nint)(walk.Tile - group) * lanes);
                transform.TileStep = lanes;
                transform.Vectors = Split.Parts(shape.ChannelCount(panel), kernels.Lanes);
                kernels.Gradient(&transform);
            }
        }
    }

    /// <summary>Turns the products of tiles [begin, end) into outputs, some channels of the map from <paramref name="channel"/> on.</summary>
    public void Outputs(WinogradKernels kernels, OutputTransform transform, long begin, long end, float* map, int channels, int channel)
    {
        byte* scratch = stackalloc byte[(WinogradTile.MostValues * 64) + 63];
        // On whole cache lines: else every vector of 512 bits lies on two.
        transform.Scratch = (float*)(((nint)scratch + 63) & ~63);
        transform.RowStep = (nint)_y.Dilation * _x.OutExtent * channels;
        transform.ColumnStep = (nint)_x.Dilation * channels;
        var walk = new Walk(this, begin, end, channels);
        while (walk.Next())
        {
            transform.Target = map + Output(walk, channels) + channel;
            transform.PixelStep = (nint)walk.Columns.Step * channels;
            transform.Tiles = walk.Count;
            transform.Rows = walk.Rows.Outputs;
            transform.Columns = walk.Columns.Outputs;
            kernels.Output(&transform);
            transform.Source += walk.Count * transform.TileStep;
        }
    }

    private nint Output(in Walk walk, int channels) =>
        ((((walk.N * (nint)_y.OutExtent) + _y.Tiles[walk.Y]) * _x.OutExtent) + _x.Tiles[walk.X]) * channels;

    /// <summary>Goes through tiles [begin, end), as many at a time as can be done in one call.</summary>
    private ref struct Walk
    {
        private readonly WinogradAxis _y;
        private readonly WinogradAxis _x;
        private readonly long _end;
        private readonly int _channels;

        public Walk(WinogradGrid grid, long begin, long end, int channels)
        {
            _y = grid._y;
            _x = grid._x;
            _end = end;
            _channels = channels;
            (long row, long column) = Math.DivRem(begin, _x.Tiles.Length);
            (long n, long y) = Math.DivRem(row, _y.Tiles.Length);
            Tile = begin;
            (N, Y, X) = ((int)n, (int)y, (int)column);
        }

        public long Tile { get; private set; }

        public int N { get; private set; }

        public int Y { get; private set; }

        public int X { get; private set; }

        public int Count { get; private set; }

        public readonly ref readonly WinogradRun Rows => ref _y.Runs[_y.RunOfTile[Y]];

        public readonly ref readonly WinogradRun Columns => ref _x.Runs[_x.RunOfTile[X]];

        public bool Next()
        {
            Tile += Count;
            X += Count;
            if (X == _x.Tiles.Length)
            {
                X = 0;
                if (++Y == _y.Tiles.Length)
                {
                    Y = 0;
                    N++;
                }
            }

            if (Tile >= _end)
            {
                return false;
            }

            ref readonly WinogradRun rows = ref Rows;
            ref readonly WinogradRun columns = ref Columns;
            long count = Math.Min(columns.End - X, _end - Tile);
            int all = (1 << _x.Tile.Inputs) - 1;
            bool border = (rows.Inside & columns.Inside) != all || Math.Min(rows.Outputs, columns.Outputs) < _x.Tile.Outputs;
            if (border && columns.Step > 0)
            {
                count = Math.Min(count, 1 + (MostZeros / ((long)columns.Step * _channels)));
            }

            Count = (int)count;
            return true;
        }
    }
}
