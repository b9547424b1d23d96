using DilatedKernels.Segmentation.Imaging;
using OxyPlot;

namespace DilatedKernels.Measuring.Raster;

/// <summary>An image that areas are filled on. A pixel takes as much of the colour as the area covers of it, found on lines through the pixel.</summary>
internal sealed class Canvas(int width, int height)
{
    private const int LinesPerPixel = 5;

    private readonly float[] _covered = new float[width];
    private readonly List<(double X, int Winding)> _crossings = [];

    public RgbImage Image { get; } = new(width, height);

    /// <summary>Fills the union of polygons, those inside which they wind around at all (the non-zero rule), within a rectangle.</summary>
    public void Fill(IReadOnlyList<ScreenPoint[]> polygons, OxyColor color, OxyRect clip)
    {
        if (polygons.Count == 0 || color.A == 0)
        {
            return;
        }

        int top = Math.Max(0, (int)Math.Floor(Math.Max(clip.Top, polygons.Min(p => p.Min(q => q.Y)))));
        int bottom = Math.Min(height, (int)Math.Ceiling(Math.Min(clip.Bottom, polygons.Max(p => p.Max(q => q.Y)))));
        for (int y = top; y < bottom; y++)
        {
            Array.Clear(_covered);
            for (int line = 0; line < LinesPerPixel; line++)
            {
                double at = y + ((line + 0.5) / LinesPerPixel);
                if (at >= clip.Top && at < clip.Bottom)
                {
                    CoverLine(polygons, at, Math.Max(0, clip.Left), Math.Min(width, clip.Right));
                }
            }

            Blend(y, color);
        }
    }

    private void CoverLine(IReadOnlyList<ScreenPoint[]> polygons, double y, double left, double right)
    {
        _crossings.Clear();
        foreach (ScreenPoint[] polygon in polygons)
        {
            ScreenPoint from = polygon[^1];
            foreach (ScreenPoint to in polygon)
            {
                if (from.Y <= y != to.Y <= y)
                {
                    _crossings.Add((from.X + ((y - from.Y) / (to.Y - from.Y) * (to.X - from.X)), to.Y > from.Y ? 1 : -1));
                }

                from = to;
            }
        }

        _crossings.Sort((a, b) => a.X.CompareTo(b.X));
        int winding = 0;
        for (int i = 0; i + 1 < _crossings.Count; i++)
        {
            winding += _crossings[i].Winding;
            if (winding != 0)
            {
                CoverSpan(Math.Max(left, _crossings[i].X), Math.Min(right, _crossings[i + 1].X));
            }
        }
    }

    private void CoverSpan(double begin, double end)
    {
        for (int x = (int)begin; x < end; x++)
        {
            _covered[x] += (float)((Math.Min(end, x + 1) - Math.Max(begin, x)) / LinesPerPixel);
        }
    }

    private void Blend(int y, OxyColor color)
    {
        Span<byte> row = Image.Pixels.AsSpan(3 * y * width, 3 * width);
        for (int x = 0; x < width; x++)
        {
            if (_covered[x] > 0)
            {
                float share = Math.Min(1, _covered[x]) * color.A / 255;
                row[3 * x] = Mix(row[3 * x], color.R, share);
                row[(3 * x) + 1] = Mix(row[(3 * x) + 1], color.G, share);
                row[(3 * x) + 2] = Mix(row[(3 * x) + 2], color.B, share);
            }
        }
    }

    private static byte Mix(byte below, byte above, float share) => (byte)MathF.Round(below + ((above - below) * share));
}
