using System.Globalization;
using DilatedKernels.Measuring.Raster;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace DilatedKernels.Measuring;

/// <summary>Draws time over dilation, a line for every set of convolutions that differ in dilation alone.</summary>
public static class BenchPlot
{
    private const int Width = 800;
    private const int Height = 460;

    private static readonly OxyColor[] Colours =
    [
        OxyColor.FromRgb(0x2E, 0x5A, 0xAC), OxyColor.FromRgb(0xC8, 0x55, 0x1B), OxyColor.FromRgb(0x2F, 0x8F, 0x4E), OxyColor.FromRgb(0x8A, 0x3F, 0xA0),
        OxyColor.FromRgb(0xB0, 0x8A, 0x00), OxyColor.FromRgb(0x5A, 0x5A, 0x5A),
    ];

    /// <summary>Draws the convolutions among the measurements.</summary>
    /// <param name="measurements">What was measured.</param>
    /// <param name="title">What and where.</param>
    /// <param name="asPng">A PNG and not an SVG.</param>
    /// <returns>The picture's file, or null when no two of them differ in dilation.</returns>
    public static byte[]? Draw(IEnumerable<Measurement> measurements, string title, bool asPng = false)
    {
        IEnumerable<(string Line, int Dilation, double Milliseconds)> points = measurements
            .Where(m => m.Shape.Operator == BenchOperator.Conv2d)
            .Select(m => (Line(m.Shape, m.Pass, m.Type), m.Shape.Dilation, m.Time.Median));
        return Draw(points, title, asPng);
    }

    /// <summary>What a convolution and those that differ from it in dilation are called.</summary>
    internal static string Line(BenchShape shape, string pass, string type)
    {
        string padding = shape.Padding > 0 ? "SAME" : "valid";
        return string.Create(CultureInfo.InvariantCulture,
            $"{shape.Channels} to {shape.Out}, {shape.Kernel}×{shape.Kernel}, {padding}, {pass}{(type == BenchType.Float32 ? "" : ", " + type)}");
    }

    internal static byte[]? Draw(IEnumerable<(string Line, int Dilation, double Milliseconds)> points, string title, bool asPng = false)
    {
        var lines = points.GroupBy(p => p.Line).Where(g => g.Select(p => p.Dilation).Distinct().Count() > 1).ToList();
        if (lines.Count == 0)
        {
            return null;
        }

        var plot = new PlotModel { Title = title, TitleFontSize = 13, Background = OxyColors.White, PlotMargins = new OxyThickness(60, 10, 20, 45) };
        int[] dilations = [.. lines.SelectMany(g => g.Select(p => p.Dilation)).Distinct().Order()];
        plot.Axes.Add(new LogarithmicAxis
        {
            Position = AxisPosition.Bottom,
            Title = "dilation",
            Base = 2,
            Minimum = dilations[0] / 1.2,
            Maximum = dilations[^1] * 1.2,
        });
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Left, Title = "median time in ms", Minimum = 0, MaximumPadding = 0.1, MajorGridlineStyle = LineStyle.Dot });
        plot.Legends.Add(new OxyPlot.Legends.Legend { LegendPosition = OxyPlot.Legends.LegendPosition.BottomRight, LegendBackground = OxyColors.White });
        foreach ((int index, IGrouping<string, (string, int Dilation, double Milliseconds)> line) in lines.Index())
        {
            var series = new LineSeries { Title = line.Key, Color = Colours[index % Colours.Length], MarkerType = MarkerType.Circle, MarkerSize = 3 };
            series.Points.AddRange(line.OrderBy(p => p.Dilation).Select(p => new DataPoint(p.Dilation, p.Milliseconds)));
            plot.Series.Add(series);
        }

        if (asPng)
        {
            return RasterContext.Draw(plot, Width, Height);
        }

        using var svg = new MemoryStream();
        new SvgExporter { Width = Width, Height = Height }.Export(plot, svg);
        return svg.ToArray();
    }
}
