namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>The tiles of a batch of maps, numbered image by image and row by row.</summary>
internal sealed unsafe class WinogradGrid
{
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

    /// <summary>Floats of the scratch memory that a tile at the border takes, for pixels <paramref name="step"/> floats apart.</summary>
    public static int EdgeCount(int step) => 16 * step;

    /// <summary>
    /// Transforms the inputs of tiles [begin, end): value v of tile t goes to <c>target + v·valueStep + (t − begin)·tileStep</c>.
    /// Channels are widened to whole vectors, with whatever follows a pixel in memory.
    /// </summary>
    public void Inputs(WinogradKernels kernels, float* map, int channels, long begin, long end, float* target, nint tileStep, nint valueStep, float* edge)
    {
        int vectors = Split.Parts(channels, kernels.Lanes);
        var arguments = new TransformArguments { TargetStep = valueStep, Vectors = vectors };
        Place place = At(begin);
        for (long tile = begin; tile < end; tile++, target += tileStep)
        {
            long top = _y.Input(place.Y, 0);
            long left = _x.Input(place.X, 0);
            float* image = map + ((nint)place.N * _y.InExtent * _x.InExtent * channels);
            arguments.Target = target;
            if (_y.IsInside(place.Y) && _x.IsInside(place.X))
            {
                arguments.Source = image + ((((nint)top * _x.InExtent) + (nint)left) * channels);
                arguments.RowStep = (nint)_y.Dilation * _x.InExtent * channels;
                arguments.ColumnStep = (nint)_x.Dilation * channels;
            }
            else
            {
                int step = vectors * kernels.Lanes;
                for (int i = 0; i < 16; i++)
                {
                    long y = top + ((long)(i >> 2) * _y.Dilation);
                    long x = left + ((long)(i & 3) * _x.Dilation);
                    bool inside = y >= 0 && y < _y.InExtent && x >= 0 && x < _x.InExtent;
                    CopyPixel(inside ? image + ((((nint)y * _x.InExtent) + (nint)x) * channels) : null, edge + (i * step), channels);
                }

                arguments.Source = edge;
                arguments.RowStep = 4 * step;
                arguments.ColumnStep = step;
            }

            kernels.Input(&arguments);
            place = Next(place);
        }
    }

    /// <summary>
    /// Transforms the gradients of the outputs of tiles [begin, end), panel by panel, within a group of <paramref name="tiles"/> from tile
    /// <paramref name="group"/> on: value v of tile t goes to <c>target + v·valueStep + tiles·(the panel's first channel) + (t − group)·(the panel's channels)</c>.
    /// </summary>
    public void Gradients(WinogradKernels kernels, float* map, TileShape shape, long group, int tiles, long begin, long end, float* target, nint valueStep, float* edge)
    {
        int channels = shape.Channels;
        var arguments = new TransformArguments { TargetStep = valueStep };
        Place place = At(begin);
        for (long tile = begin; tile < end; tile++)
        {
            int top = _y.Tiles[place.Y];
            int left = _x.Tiles[place.X];
            float* first = map + (((((nint)place.N * _y.OutExtent) + top) * _x.OutExtent) + left) * channels;
            nint rowStep = (nint)_y.Dilation * _x.OutExtent * channels;
            nint columnStep = (nint)_x.Dilation * channels;
            bool lower = _y.IsWhole(place.Y);
            bool right = _x.IsWhole(place.X);
            if (!lower || !right)
            {
                int step = shape.PaddedChannels;
                CopyPixel(first, edge, channels);
                CopyPixel(right ? first + columnStep : null, edge + step, channels);
                CopyPixel(lower ? first + rowStep : null, edge + (2 * step), channels);
                CopyPixel(null, edge + (3 * step), channels);
                first = edge;
                rowStep = 2 * step;
                columnStep = step;
            }

            arguments.RowStep = rowStep;
            arguments.ColumnStep = columnStep;
            for (int panel = 0; panel < shape.Panels; panel++)
            {
                int lanes = shape.Columns(panel) * shape.Lanes;
                arguments.Source = first + shape.ChannelBegin(panel);
                arguments.Target = target + ((nint)tiles * shape.ChannelBegin(panel)) + ((nint)(tile - group) * lanes);
                arguments.Vectors = lanes / kernels.Lanes;
                kernels.Gradient(&arguments);
            }

            place = Next(place);
        }
    }

    /// <summary>Turns the products of tiles [begin, end) into outputs, some channels of the map from <paramref name="channel"/> on.</summary>
    public void Outputs(WinogradKernels kernels, OutputArguments arguments, long begin, long end, nint tileStep, float* map, int channels, int channel)
    {
        arguments.RowStep = (nint)_y.Dilation * _x.OutExtent * channels;
        arguments.ColumnStep = (nint)_x.Dilation * channels;
        Place place = At(begin);
        for (long tile = begin; tile < end; tile++, arguments.Source += tileStep)
        {
            arguments.Target = map + ((((((nint)place.N * _y.OutExtent) + _y.Tiles[place.Y]) * _x.OutExtent) + _x.Tiles[place.X]) * channels) + channel;
            arguments.Rows = _y.IsWhole(place.Y) ? 2 : 1;
            arguments.Columns = _x.IsWhole(place.X) ? 2 : 1;
            kernels.Output(&arguments);
            place = Next(place);
        }
    }

    private static void CopyPixel(float* source, float* target, int channels)
    {
        if (source == null)
        {
            new Span<float>(target, channels).Clear();
        }
        else
        {
            new Span<float>(source, channels).CopyTo(new Span<float>(target, channels));
        }
    }

    private Place At(long tile)
    {
        (long row, long x) = Math.DivRem(tile, _x.Tiles.Length);
        (long n, long y) = Math.DivRem(row, _y.Tiles.Length);
        return new Place((int)n, (int)y, (int)x);
    }

    private Place Next(Place place)
    {
        if (place.X + 1 < _x.Tiles.Length)
        {
            return place with { X = place.X + 1 };
        }

        return place.Y + 1 < _y.Tiles.Length ? new Place(place.N, place.Y + 1, 0) : new Place(place.N + 1, 0, 0);
    }

    private readonly record struct Place(int N, int Y, int X);
}
