using OxyPlot;

namespace DilatedKernels.Measuring.Raster;

/// <summary>What a pen of some width covers along a line.</summary>
internal static class Outline
{
    private const int CircleSides = 12;

    /// <summary>Polygons, all in one sense of rotation, whose union is the line; its corners and ends are round.</summary>
    public static List<ScreenPoint[]> Of(IReadOnlyList<ScreenPoint> line, double thickness)
    {
        var polygons = new List<ScreenPoint[]>();
        double radius = thickness / 2;
        for (int i = 0; i < line.Count; i++)
        {
            polygons.Add(Circle(line[i], radius));
            if (i > 0 && Segment(line[i - 1], line[i], radius) is { } segment)
            {
                polygons.Add(segment);
            }
        }

        return polygons;
    }

    /// <summary>The pieces of a line that a pattern of lengths, drawn and left out in turn, draws.</summary>
    public static IEnumerable<ScreenPoint[]> Dashes(IReadOnlyList<ScreenPoint> line, double[] pattern)
    {
        int part = 0;
        double left = pattern[0];
        var dash = new List<ScreenPoint> { line[0] };
        for (int i = 1; i < line.Count; i++)
        {
            ScreenPoint from = line[i - 1];
            double length = from.DistanceTo(line[i]);
            double done = 0;
            while (length - done > left)
            {
                done += left;
                ScreenPoint at = from + ((line[i] - from) * (done / length));
                if (part % 2 == 0)
                {
                    dash.Add(at);
                    yield return [.. dash];
                }

                dash.Clear();
                dash.Add(at);
                left = pattern[++part % pattern.Length];
            }

            left -= length - done;
            dash.Add(line[i]);
        }

        if (part % 2 == 0)
        {
            yield return [.. dash];
        }
    }

    private static ScreenPoint[] Circle(ScreenPoint centre, double radius) =>
        [.. Enumerable.Range(0, CircleSides).Select(i => 2 * Math.PI * i / CircleSides).Select(a => new ScreenPoint(centre.X + (radius * Math.Cos(a)), centre.Y + (radius * Math.Sin(a))))];

    private static ScreenPoint[]? Segment(ScreenPoint from, ScreenPoint to, double radius)
    {
        double length = from.DistanceTo(to);
        if (length == 0)
        {
            return null;
        }

        var across = new ScreenVector((to.Y - from.Y) * radius / length, (from.X - to.X) * radius / length);
        return [from + across, to + across, to - across, from - across];
    }
}
