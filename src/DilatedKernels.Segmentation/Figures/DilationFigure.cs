using System.Globalization;
using System.Text;

namespace DilatedKernels.Segmentation.Figures;

/// <summary>
/// Draws how the receptive field of dilated 3×3 layers grows, as figure 1 of Yu and Koltun (2016): a panel a layer, the layer's nine taps as dots, and the
/// input cells that one output depends on as an area. Cells inside the receptive field that it does not depend on are hatched.
/// </summary>
public static class DilationFigure
{
    /// <summary>The side of a panel.</summary>
    internal const int Panel = 240;

    private const int Gap = 28;
    private const int Caption = 46;
    private const int Head = 76;
    private const int MostColumns = 4;
    private const double ClearestCell = 5;

    /// <summary>What cells are filled with that are not touched.</summary>
    internal const string GapPattern = """<pattern id="gap" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="between" width="5" height="5" fill="#fff"/><line class="hatch" x1="1" x2="1" y2="5" stroke="#c2410c" stroke-width="1.6"/></pattern>""";

    /// <summary>Draws the layers as one SVG.</summary>
    /// <param name="dilations">The dilation of each layer, 1 to 4096, the layer nearest the input first; 1 to 64 layers.</param>
    /// <exception cref="UserInputException">There are no dilations, too many, or one is out of range.</exception>
    public static string ToSvg(IReadOnlyList<int> dilations)
    {
        IReadOnlyList<DilatedStack> stacks = DilatedStack.Of(dilations);
        int columns = Math.Min(MostColumns, stacks.Count);
        int rows = (stacks.Count + columns - 1) / columns;
        // The title needs the width of two panels.
        int width = Math.Max(560, (columns * (Panel + Gap)) + Gap);
        int height = Head + (rows * (Panel + Caption)) + 44;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{width}} {{height}}" width="{{width}}" height="{{height}}" role="img" aria-labelledby="title text">
            <title id="title">Receptive field of 3×3 layers with {{(dilations.Count == 1 ? "dilation" : "dilations")}} {{string.Join(", ", dilations)}}</title>
            <desc id="text">{{string.Join(" ", Describe(dilations))}}</desc>
            <defs>{{GapPattern}}</defs>
            <style>text { font: 14px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: #1a1f26; } .title { font-size: 19px; font-weight: 600; } .small { font-size: 13px; fill: #56606b; }</style>
            <rect width="{{width}}" height="{{height}}" fill="#fff"/>
            <text class="title" x="{{Gap}}" y="34">Receptive field of 3×3 layers with {{(dilations.Count == 1 ? "dilation" : "dilations")}} {{Shortened(dilations)}}</text>
            <text class="small" x="{{Gap}}" y="56">Dots: the layer's taps. Area: the input cells that one output depends on.</text>

            """);
        for (int i = 0; i < stacks.Count; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<g transform=\"translate({Gap + (i % columns * (Panel + Gap))} {Head + (i / columns * (Panel + Caption))})\">");
            Draw(svg, stacks[i], stacks[^1].Field);
            svg.Append(CultureInfo.InvariantCulture, $"<text y=\"{Panel + 20}\">layer {i + 1}, dilation {dilations[i]}</text><text class=\"small\" y=\"{Panel + 20}\" x=\"{Panel}\" text-anchor=\"end\">{stacks[i].Field}×{stacks[i].Field}</text></g>\n");
        }

        DilatedStack last = stacks[^1];
        string foot = last.Gaps == 0
            ? "No gridding: every cell of the receptive field is touched."
            : $"Gridding (hatched): {Share(last)} of the receptive field's cells are never touched.";
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Gap}\" y=\"{height - 20}\">{foot}</text>\n</svg>\n");
        return svg.ToString();
    }

    /// <summary>What the figure shows in words, a line a layer, and whether there is gridding.</summary>
    /// <param name="dilations">As of <see cref="ToSvg"/>.</param>
    /// <exception cref="UserInputException">As of <see cref="ToSvg"/>.</exception>
    public static IEnumerable<string> Describe(IReadOnlyList<int> dilations)
    {
        IReadOnlyList<DilatedStack> stacks = DilatedStack.Of(dilations);
        for (int i = 0; i < stacks.Count; i++)
        {
            DilatedStack stack = stacks[i];
            string gaps = stack.Gaps == 0 ? "" : $", {Share(stack)} of its cells never touched";
            yield return string.Create(CultureInfo.InvariantCulture, $"Layer {i + 1}, dilation {dilations[i]}: receptive field {stack.Field}×{stack.Field}{gaps}.");
        }

        yield return stacks[^1].Gaps == 0
            ? "No gridding: the output depends on every cell of its receptive field."
            : "Gridding: the output does not depend on every cell of its receptive field. There is none where each rate, in ascending order, is at most the receptive field of those before it: 1, then up to 3, as in 1,2,4,8.";
    }

    /// <summary>Draws the newest layer of a stack as a panel; a page may give its parts, by their classes, other colours.</summary>
    /// <param name="svg">Where to. <see cref="GapPattern"/> is among its definitions.</param>
    /// <param name="stack">The layers so far.</param>
    /// <param name="whole">The cells along a side of the panel.</param>
    internal static void Draw(StringBuilder svg, DilatedStack stack, int whole)
    {
        double cell = (double)Panel / whole;
        double from = (whole - stack.Field) / 2 * cell;
        double side = stack.Field * cell;
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"panel\" width=\"{Panel}\" height=\"{Panel}\" fill=\"#f1f3f5\"/>");
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"field\" x=\"{from:F2}\" y=\"{from:F2}\" width=\"{side:F2}\" height=\"{side:F2}\" fill=\"#9cc7a9\"/>");
        foreach ((int first, int length) in stack.GapRuns())
        {
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"gap\" x=\"{from + (first * cell):F2}\" y=\"{from:F2}\" width=\"{length * cell:F2}\" height=\"{side:F2}\" fill=\"url(#gap)\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"gap\" x=\"{from:F2}\" y=\"{from + (first * cell):F2}\" width=\"{side:F2}\" height=\"{length * cell:F2}\" fill=\"url(#gap)\"/>");
        }

        if (cell >= ClearestCell)
        {
            svg.Append("<path class=\"cells\" d=\"");
            for (int i = 0; i <= whole; i++)
            {
                svg.Append(CultureInfo.InvariantCulture, $"M{i * cell:F2} 0V{Panel}M0 {i * cell:F2}H{Panel}");
            }

            svg.Append("\" stroke=\"#fff\" stroke-width=\"1\" fill=\"none\"/>");
        }

        double radius = Math.Clamp(cell * 0.4, 1.1, 5);
        int dilation = stack.Dilations[^1];
        for (int y = -1; y <= 1; y++)
        {
            for (int x = -1; x <= 1; x++)
            {
                svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"tap\" cx=\"{(Panel / 2.0) + (x * dilation * cell):F2}\" cy=\"{(Panel / 2.0) + (y * dilation * cell):F2}\" r=\"{radius:F2}\" fill=\"#a11b1b\"/>");
            }
        }
    }

    private static string Share(DilatedStack stack)
    {
        double share = 100.0 * stack.Gaps / stack.Cells;
        return string.Create(CultureInfo.InvariantCulture, $"{stack.Gaps} of {stack.Cells} ({(share < 1 ? "under 1" : share.ToString("F0", CultureInfo.InvariantCulture))} %)");
    }

    private static string Shortened(IReadOnlyList<int> dilations) =>
        dilations.Count <= 16 ? string.Join(", ", dilations) : $"{string.Join(", ", dilations.Take(15))}, …";
}
