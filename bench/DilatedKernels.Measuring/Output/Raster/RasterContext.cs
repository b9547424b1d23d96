using DilatedKernels.Segmentation.Imaging;
using OxyPlot;

namespace DilatedKernels.Measuring.Raster;

/// <summary>Draws what a plot consists of on an image, with nothing native: OxyPlot's own way to PNG needs Skia.</summary>
internal sealed class RasterContext : RenderContextBase
{
    private const double PenOfText = 0.09;
    private const double BoldFrom = 600;

    private readonly Canvas _canvas;
    private readonly Stack<OxyRect> _clips = new();

    private RasterContext(int width, int height)
    {
        _canvas = new Canvas(width, height);
        _clips.Push(new OxyRect(0, 0, width, height));
    }

    // The picture itself is no clip that a plot has set.
    public override int ClipCount => _clips.Count - 1;

    /// <summary>The PNG of a plot.</summary>
    public static byte[] Draw(PlotModel plot, int width, int height)
    {
        var context = new RasterContext(width, height);
        var all = new OxyRect(0, 0, width, height);
        context.DrawPolygon(Corners(all), plot.Background, OxyColors.Undefined, 0, EdgeRenderingMode.Adaptive, null, LineJoin.Miter);
        ((IPlotModel)plot).Update(true);
        ((IPlotModel)plot).Render(context, all);
        return PngWriter.Encode(context._canvas.Image);
    }

    public override void DrawLine(IList<ScreenPoint> points, OxyColor stroke, double thickness, EdgeRenderingMode edgeRenderingMode, double[]? dashArray, LineJoin lineJoin)
    {
        if (points.Count == 0 || thickness <= 0 || !stroke.IsVisible())
        {
            return;
        }

        ScreenPoint[] line = [.. points];
        IEnumerable<ScreenPoint[]> pieces = dashArray is { Length: > 0 } ? Outline.Dashes(line, [.. dashArray.Select(length => length * thickness)]) : [line];
        Fill([.. pieces.SelectMany(piece => Outline.Of(piece, thickness))], stroke);
    }

    public override void DrawPolygon(IList<ScreenPoint> points, OxyColor fill, OxyColor stroke, double thickness, EdgeRenderingMode edgeRenderingMode, double[]? dashArray, LineJoin lineJoin)
    {
        if (points.Count > 0 && fill.IsVisible())
        {
            Fill([[.. points]], fill);
        }

        if (points.Count > 0)
        {
            DrawLine([.. points, points[0]], stroke, thickness, edgeRenderingMode, dashArray, lineJoin);
        }
    }

    public override void DrawText(
        ScreenPoint p, string? text, OxyColor fill, string? fontFamily, double fontSize, double fontWeight, double rotation,
        HorizontalAlignment horizontalAlignment, VerticalAlignment verticalAlignment, OxySize? maxSize)
    {
        if (string.IsNullOrEmpty(text) || !fill.IsVisible())
        {
            return;
        }

        OxySize size = MeasureText(text, fontFamily, fontSize, fontWeight);
        double left = horizontalAlignment switch { HorizontalAlignment.Center => -size.Width / 2, HorizontalAlignment.Right => -size.Width, _ => 0 };
        double top = verticalAlignment switch { VerticalAlignment.Middle => -size.Height / 2, VerticalAlignment.Bottom => -size.Height, _ => 0 };
        (double sine, double cosine) = Math.SinCos(rotation * Math.PI / 180);
        double pen = PenOfText * fontSize * (fontWeight >= BoldFrom ? 1.5 : 1);
        var polygons = new List<ScreenPoint[]>();
        foreach ((int number, string line) in text.Split('\n').Index())
        {
            foreach (ScreenPoint[] stroke in StrokeFont.Lay(line, fontSize))
            {
                polygons.AddRange(Outline.Of([.. stroke.Select(q => Place(q.X + left, q.Y + top + (number * fontSize)))], pen));
            }
        }

        Fill(polygons, fill);

        ScreenPoint Place(double x, double y) => new(p.X + (x * cosine) - (y * sine), p.Y + (x * sine) + (y * cosine));
    }

    public override OxySize MeasureText(string? text, string? fontFamily, double fontSize, double fontWeight)
    {
        string[] lines = (text ?? "").Split('\n');
        return new OxySize(lines.Max(line => StrokeFont.Width(line, fontSize)), lines.Length * fontSize);
    }

    public override void PushClip(OxyRect clippingRectangle) => _clips.Push(clippingRectangle.Intersect(_clips.Peek()));

    public override void PopClip() => _clips.Pop();

    private void Fill(IReadOnlyList<ScreenPoint[]> polygons, OxyColor color) => _canvas.Fill(polygons, color, _clips.Peek());

    private static ScreenPoint[] Corners(OxyRect r) => [new(r.Left, r.Top), new(r.Right, r.Top), new(r.Right, r.Bottom), new(r.Left, r.Bottom)];
}
