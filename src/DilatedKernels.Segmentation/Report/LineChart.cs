using System.Globalization;
using System.Text;

namespace DilatedKernels.Segmentation.Report;

/// <summary>A line of a chart.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="Points">Its points, by x.</param>
internal sealed record ChartLine(string Name, IReadOnlyList<(double X, double Y)> Points)
{
    /// <summary>Which of the page's colours.</summary>
    public int Color { get; init; }

    /// <summary>Whether each point is marked, with its numbers as a hint.</summary>
    public bool IsMarked { get; init; }

    /// <summary>The lowest and highest value around each point, drawn as a band behind the line.</summary>
    public IReadOnlyList<(double X, double Low, double High)> Band { get; init; } = [];
}

/// <summary>A chart of lines over training steps as inline SVG, in the page's colours.</summary>
internal static class LineChart
{
    private const double Width = 380;
    private const double Height = 230;
    private const double Left = 46;
    private const double Right = 12;
    private const double Top = 12;
    private const double Bottom = 34;
    private const int Colors = 8;

    /// <summary>Writes the chart as a figure.</summary>
    /// <param name="page">Where to.</param>
    /// <param name="title">What is drawn.</param>
    /// <param name="note">How, in a few words; a pointer's step takes its place.</param>
    /// <param name="lines">The lines.</param>
    /// <param name="format">How values are written.</param>
    /// <param name="summary">The chart in a sentence, for those who do not see it.</param>
    public static void Append(StringBuilder page, string title, string note, IReadOnlyList<ChartLine> lines, Func<double, string> format, string summary)
    {
        page.Append(CultureInfo.InvariantCulture, $"<figure class=\"chart\"><figcaption><span>{Html.Text(title)}</span><span class=\"readout\">{Html.Text(note)}</span></figcaption>");
        ChartLine[] drawn = [.. lines.Where(line => line.Points.Count > 0)];
        if (drawn.Length == 0)
        {
            page.Append("<p class=\"none\">Nothing was recorded.</p></figure>\n");
            return;
        }

        double lastStep = drawn.Max(line => line.Points[^1].X);
        // A single step far above the others, such as the first, would press the line to the ground: bands end with the chart.
        double most = drawn.Max(line => line.Points.Max(point => point.Y));
        double[] x = Ticks(0, Math.Max(1, lastStep), 5, whole: true);
        double[] y = Ticks(0, most > 0 ? most : 1, 4, whole: false);
        double xEnd = Math.Max(lastStep, 1);
        double yEnd = y[^1];
        page.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Html.Text(summary)}\">");
        foreach (double value in y)
        {
            page.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(value):F1}\" y2=\"{Y(value):F1}\"/><text x=\"{Left - 7}\" y=\"{Y(value) + 4:F1}\" text-anchor=\"end\">{Html.Text(format(value))}</text>");
        }

        foreach (double value in x.Where(value => value <= xEnd))
        {
            string anchor = X(value) > Width - Right - 14 ? "end" : "middle";
            page.Append(CultureInfo.InvariantCulture, $"<text x=\"{(anchor == "end" ? Width - Right : X(value)):F1}\" y=\"{Height - Bottom + 17}\" text-anchor=\"{anchor}\">{Step(value)}</text>");
        }

        page.Append(CultureInfo.InvariantCulture, $"<text class=\"axis\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 2}\" text-anchor=\"middle\">step</text>");
        for (int i = 0; i < lines.Count; i++)
        {
            Line(page, lines[i], i);
        }

        page.Append(CultureInfo.InvariantCulture, $"<line class=\"cursor\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/></svg>");
        if (lines.Count > 1)
        {
            page.Append("<ul class=\"legend\">");
            foreach (ChartLine line in lines)
            {
                page.Append(CultureInfo.InvariantCulture, $"<li><span class=\"key s{line.Color % Colors}\"></span>{Html.Name(line.Name)}<span class=\"at\"></span></li>");
            }

            page.Append("</ul>");
        }

        page.Append("</figure>\n");

        double X(double value) => Left + ((Width - Left - Right) * value / xEnd);
        double Y(double value) => Height - Bottom - ((Height - Top - Bottom) * value / yEnd);

        void Line(StringBuilder svg, ChartLine line, int entry)
        {
            if (line.Band.Count > 1)
            {
                string upper = string.Join(' ', line.Band.Select(point => At(point.X, Math.Min(point.High, yEnd))));
                string lower = string.Join(' ', line.Band.Reverse().Select(point => At(point.X, point.Low)));
                svg.Append(CultureInfo.InvariantCulture, $"<polygon class=\"band s{line.Color % Colors}\" points=\"{upper} {lower}\"/>");
            }

            if (line.Points.Count > 1)
            {
                svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"line s{line.Color % Colors}\" points=\"{string.Join(' ', line.Points.Select(point => At(point.X, point.Y)))}\" data-entry=\"{entry}\" data-values=\"{string.Join(' ', line.Points.Select(point => $"{Step(point.X, exact: true)}:{format(point.Y)}"))}\"/>");
            }

            if (line.IsMarked || line.Points.Count == 1)
            {
                foreach ((double step, double value) in line.Points)
                {
                    svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"dot s{line.Color % Colors}\" cx=\"{X(step):F1}\" cy=\"{Y(value):F1}\" r=\"2.8\"><title>step {step}: {Html.Text(format(value))}</title></circle>");
                }
            }
        }

        string At(double step, double value) => string.Create(CultureInfo.InvariantCulture, $"{X(step):F1},{Y(value):F1}");
    }

    /// <summary>The mean and the range of values over every <paramref name="length"/> points of a line.</summary>
    public static (IReadOnlyList<(double X, double Y)> Mean, IReadOnlyList<(double X, double Low, double High)> Band) Smooth(IReadOnlyList<(double X, double Y)> points, int length)
    {
        var mean = new List<(double, double)>();
        var band = new List<(double, double, double)>();
        foreach ((double X, double Y)[] piece in points.Chunk(length))
        {
            double middle = piece[(piece.Length - 1) / 2].X;
            mean.Add((middle, piece.Average(point => point.Y)));
            band.Add((middle, piece.Min(point => point.Y), piece.Max(point => point.Y)));
        }

        return (mean, band);
    }

    /// <summary>Round numbers from <paramref name="low"/> on, the last one at or above <paramref name="high"/>.</summary>
    internal static double[] Ticks(double low, double high, int about, bool whole)
    {
        double rough = (high - low) / about;
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = new[] { 1.0, 2, 5, 10 }.Select(factor => factor * power).First(value => value >= rough * 0.999);
        step = whole ? Math.Max(1, Math.Round(step)) : step;
        int count = (int)Math.Ceiling((high - low) / step - 1e-9);
        return [.. Enumerable.Range(0, count + 1).Select(i => low + (i * step))];
    }

    private static string Step(double step, bool exact = false) => step >= 10_000 && !exact && step % 1000 == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{step / 1000:F0}k")
        : step.ToString("F0", CultureInfo.InvariantCulture);
}
