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

    public long Tiles => (long)_batch * _y.Tiles.Length * _x.Tiles.Length;

    /// <summary>Floats of zeros that the transforms of pixels with so many channels need.</summary>
    public static long ZeroCount(int channels) => MostZeros + channels + 16L;

    /// <summary>
    /// Transforms the inputs of tiles [begin, end): value v of tile t goes to <c>target + v·valueStep + (t − begin)·tileStep</c>.
    /// Channels are widened to whole vectors, with whatever follows a pixel in memory.
    /// </summary>
    public void Inputs(WinogradKernels kernels, float* map, int channels, long begin, long end, float* target, nint tileStep, nint valueStep, float* zeros)
    {
        float** pixels = stackalloc float*[16];
        var transform = new TileTransform { Pixels = pixels, TileStep = tileStep, ValueStep = valueStep, Vectors = Split.Parts(channels, kernels.Lanes) };
        for (long tile = begin; tile < end;)
        {
            Stretch stretch = StretchAt(tile, end, channels);
            nint rowStep = (nint)_y.Dilation * _x.InExtent * channels;
            nint columnStep = (nint)_x.Dilation * channels;
            float* image = map + (stretch.N * (nint)_y.InExtent * _x.InExtent * channels);
            float* first = image + ((((nint)_y.Input(stretch.Y, 0) * _x.InExtent) + (nint)_x.Input(stretch.X, 0)) * channels);
            for (int i = 0; i < 16; i++)
            {
                bool inside = ((stretch.Rows.Inside >> (i >> 2)) & (stretch.Columns.Inside >> (i & 3)) & 1) != 0;
                pixels[i] = inside ? first + ((i >> 2) * rowStep) + ((i & 3) * columnStep) : zeros;
            }

            transform.PixelStep = (nint)stretch.Columns.Step * channels;
            transform.Tiles = stretch.Count;
            transform.Target = target + ((nint)(tile - begin) * tileStep);
            kernels.Input(&transform);
            tile += stretch.Count;
        }
    }

    /// <summary>
    /// Transforms the gradients of the outputs of tiles [begin, end) for some panels, panel by panel, within a group of <paramref name="tiles"/> from tile
    /// <paramref name="group"/> on: value v of tile t goes to <c>target + v·valueStep + tiles·(channels of the panels before) + (t − group)·(the panel's channels)</c>.
    /// </summary>
    public void Gradients(WinogradKernels kernels, float* map, TileShape shape, int panelBegin, int panelEnd, long group, int tiles, long begin, long end, float* target, nint valueStep, float* zeros)
    {
        float** pixels = stackalloc float*[4];
        int channels = shape.Channels;
        var transform = new TileTransform { Pixels = pixels, ValueStep = valueStep };
        for (long tile = begin; tile < end;)
        {
            Stretch stretch = StretchAt(tile, end, channels);
            float* first = map + Output(stretch, channels);
            transform.PixelStep = (nint)stretch.Columns.Step * channels;
            transform.Tiles = stretch.Count;
            for (int panel = panelBegin; panel < panelEnd; panel++)
            {
                int lanes = shape.Columns(panel) * shape.Lanes;
                for (int i = 0; i < 4; i++)
                {
                    bool inside = (i >> 1) < stretch.Rows.Outputs && (i & 1) < stretch.Columns.Outputs;
                    float* pixel = first + ((((nint)(i >> 1) * _y.Dilation * _x.OutExtent) + ((nint)(i & 1) * _x.Dilation)) * channels) + shape.ChannelBegin(panel);
                    pixels[i] = inside ? pixel : zeros;
                }

                transform.Target = target + ((nint)tiles * (shape.ChannelBegin(panel) - shape.ChannelBegin(panelBegin))) + ((nint)(tile - group) * lanes);
                transform.TileStep = lanes;
                transform.Vectors = Split.Parts(shape.ChannelCount(panel), kernels.Lanes);
                kernels.Gradient(&transform);
            }

            tile += stretch.Count;
        }
    }

    /// <summary>Turns the products of tiles [begin, end) into outputs, some channels of the map from <paramref name="channel"/> on.</summary>
    public void Outputs(WinogradKernels kernels, OutputTransform transform, long begin, long end, float* map, int channels, int channel)
    {
        transform.RowStep = (nint)_y.Dilation * _x.OutExtent * channels;
        transform.ColumnStep = (nint)_x.Dilation * channels;
        for (long tile = begin; tile < end;)
        {
            Stretch stretch = StretchAt(tile, end, channels);
            transform.Target = map + Output(stretch, channels) + channel;
            transform.PixelStep = (nint)stretch.Columns.Step * channels;
            transform.Tiles = stretch.Count;
            transform.Rows = stretch.Rows.Outputs;
            transform.Columns = stretch.Columns.Outputs;
            kernels.Output(&transform);
            transform.Source += stretch.Count * transform.TileStep;
            tile += stretch.Count;
        }
    }

    private nint Output(in Stretch stretch, int channels) =>
        ((((stretch.N * (nint)_y.OutExtent) + _y.Tiles[stretch.Y]) * _x.OutExtent) + _x.Tiles[stretch.X]) * channels;

    /// <summary>The tiles from <paramref name="tile"/> on that can be done in one call.</summary>
    private Stretch StretchAt(long tile, long end, int channels)
    {
        (long row, long column) = Math.DivRem(tile, _x.Tiles.Length);
        (long n, long y) = Math.DivRem(row, _y.Tiles.Length);
        WinogradRun rows = RunOf(_y, (int)y);
        WinogradRun columns = RunOf(_x, (int)column);
        long count = Math.Min(columns.End - column, end - tile);
        bool border = (rows.Inside & columns.Inside) != 15 || rows.Outputs < 2 || columns.Outputs < 2;
        if (border && columns.Step > 0)
        {
            count = Math.Min(count, 1 + (MostZeros / ((long)columns.Step * channels)));
        }

        return new Stretch((int)n, (int)y, (int)column, (int)count, rows, columns);
    }

    private static WinogradRun RunOf(WinogradAxis axis, int tile)
    {
        int low = 0;
        int high = axis.Runs.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = axis.Runs[middle].End > tile ? (low, middle) : (middle + 1, high);
        }

        return axis.Runs[low];
    }

    private readonly record struct Stretch(int N, int Y, int X, int Count, WinogradRun Rows, WinogradRun Columns);
}
