using DilatedKernels.Measuring.Raster;
using OxyPlot;

namespace DilatedKernels.Tests.Bench;

public class RasterTests
{
    private static readonly OxyRect Everywhere = new(0, 0, 8, 8);

    [Test]
    public void APixelTakesAsMuchColourAsIsCovered()
    {
        var canvas = new Canvas(8, 8);
        canvas.Fill([Box(2, 2, 4.5, 3.4)], OxyColors.White, Everywhere);
        Assert.That(new[] { Red(canvas, 2, 2), Red(canvas, 4, 2), Red(canvas, 2, 3), Red(canvas, 4, 3), Red(canvas, 5, 2), Red(canvas, 2, 4) }, Is.EqualTo(new[] { 255, 128, 102, 51, 0, 0 }));
    }

    [Test]
    public void WhatIsCoveredTwiceIsCoveredOnce()
    {
        var canvas = new Canvas(8, 8);
        canvas.Fill([Box(1, 1, 3, 3), Box(2, 1, 5, 3)], OxyColor.FromAColor(102, OxyColors.White), Everywhere);
        Assert.That(Enumerable.Range(0, 8).Select(x => Red(canvas, x, 2)), Is.EqualTo(new[] { 0, 102, 102, 102, 102, 0, 0, 0 }));
    }

    [Test]
    public void NothingIsDrawnOutside()
    {
        var canvas = new Canvas(8, 8);
        canvas.Fill([Box(-5, -5, 20, 20)], OxyColors.White, new OxyRect(3, 2, 2, 4));
        Assert.That(Enumerable.Range(0, 64).Where(i => Red(canvas, i % 8, i / 8) > 0), Is.EqualTo(new[] { 19, 20, 27, 28, 35, 36, 43, 44 }));
    }

    [Test]
    public void ALineIsAsWideAsItsPen()
    {
        var canvas = new Canvas(8, 8);
        canvas.Fill(Outline.Of([new ScreenPoint(0, 4), new ScreenPoint(8, 4)], 2), OxyColors.White, Everywhere);
        Assert.That(Enumerable.Range(0, 8).Select(y => Red(canvas, 4, y)), Is.EqualTo(new[] { 0, 0, 0, 255, 255, 0, 0, 0 }));
    }

    [Test]
    public void DashesGoOnRoundCorners()
    {
        ScreenPoint[] corner = [new(0, 0), new(5, 0), new(5, 5)];
        ScreenPoint[][] dashes = [.. Outline.Dashes(corner, [4, 2])];
        Assert.That(dashes, Is.EqualTo(new ScreenPoint[][] { [new(0, 0), new(4, 0)], [new(5, 1), new(5, 5)] }));
    }

    [Test]
    public void EveryAsciiCharacterHasStrokesOfItsOwn()
    {
        string[] glyphs = [.. Enumerable.Range('!', '~' - '!' + 1).Where(c => c is not '`').Select(c => string.Join(' ', StrokeFont.Lay($"{(char)c}", 9).Select(s => string.Join('-', s))))];
        string[] alike = [.. glyphs.GroupBy(g => g).Where(g => g.Count() > 1).Select(g => g.Key)];
        Assert.That(alike, Has.Length.EqualTo(1), "0 and O");
        Assert.That(glyphs, Has.None.Empty);
    }

    [Test]
    public void TextIsAsWideAsItSays([Values("dilation", "1×1, µ", "W", ".")] string text)
    {
        ScreenPoint[] points = [.. StrokeFont.Lay(text, 18).SelectMany(s => s)];
        Assert.That(points.Max(p => p.X), Is.EqualTo(StrokeFont.Width(text, 18)).Within(1e-9));
        Assert.That(points.Select(p => p.Y), Is.All.InRange(0, 18));
    }

    private static ScreenPoint[] Box(double left, double top, double right, double bottom) => [new(left, top), new(right, top), new(right, bottom), new(left, bottom)];

    private static int Red(Canvas canvas, int x, int y) => canvas.Image.Pixels[3 * ((y * canvas.Image.Width) + x)];
}
