using System.Text.Json;
using System.Xml.Linq;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Bench;

/// <summary>Table, plot and report of measurements.</summary>
internal sealed class BenchOutputTests
{
    private static readonly Measurement[] Sweep =
    [
        .. ShapeList.BuiltIn().Select("dilation-sweep", null).Select(shape => new Measurement(shape, "forward", "float32", [2 + (0.01 * shape.Dilation)], shape.Convolution.Flops)),
    ];

    [Test]
    public void TheTableShowsTimeOverThatOfTheLeastDilation()
    {
        using var text = new StringWriter();
        BenchTable.Write(text, Sweep);
        string[] lines = text.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(Sweep.Length + 1));
        Assert.That(lines[0], Does.Contain("over least dilation"));
        Assert.That(lines[^1], Does.Contain("sweep-64-d64").And.Contain("2.640").And.EndsWith("1.313"));
        Assert.That(lines[1], Does.Not.Contain("1.000"), "the least dilation is compared with nothing");
    }

    [Test]
    public void WithoutASweepTheColumnIsLeftOut()
    {
        using var text = new StringWriter();
        BenchTable.Write(text, [Sweep[0]]);
        Assert.That(text.ToString(), Does.Not.Contain("over least dilation").And.Contain("GFLOP/s"));
    }

    [TestCase(1234.5, "1235")]
    [TestCase(12.345, "12.35")]
    [TestCase(0.12345, "0.1235")]
    [TestCase(0.00012345, "0.000123")]
    [TestCase(0, "0.0000")]
    public void TimesHaveFourDigits(double milliseconds, string text) => Assert.That(BenchTable.Format(milliseconds), Is.EqualTo(text).Or.EqualTo(text.Replace("35", "34")));

    [Test]
    public void ThePlotIsAnSvgWithALineForTheSweep()
    {
        byte[] svg = BenchPlot.Draw(Sweep, "here")!;
        using var stream = new MemoryStream(svg);
        XDocument document = XDocument.Load(stream);
        Assert.That(document.Root!.Name.LocalName, Is.EqualTo("svg"));
        Assert.That(document.ToString(), Does.Contain("64 to 64, 3×3, valid, forward").And.Contain("dilation").And.Contain("here"));
    }

    [Test]
    public void ThePlotIsAPngWithThatLineInItsColour()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["plot.png"], BenchPlot.Draw(Sweep, "here", asPng: true)!);
        RgbImage image = ImageFile.Read(folder["plot.png"]);
        var colours = image.Pixels.Chunk(3).Select(p => (p[0], p[1], p[2])).CountBy(p => p).ToDictionary();
        Assert.That((image.Width, image.Height), Is.EqualTo((800, 460)));
        Assert.That(colours[(0xFF, 0xFF, 0xFF)], Is.GreaterThan(300_000), "paper");
        Assert.That(colours[(0x2E, 0x5A, 0xAC)], Is.InRange(300, 5000), "the line, its points, and the legend's");
        Assert.That(colours.Where(c => c.Key is { Item1: < 128, Item2: < 128, Item3: < 128 }).Sum(c => c.Value), Is.InRange(1000, 10_000), "axes and text");
    }

    [Test]
    public void NothingIsDrawnWhereDilationDoesNotChange() => Assert.That(BenchPlot.Draw([Sweep[0]], "here"), Is.Null);

    [Test]
    public void TheReportHoldsEverySample()
    {
        var machine = new MachineDescription("A processor", 2, 512, null, ".NET", "an OS", "abc", "2026-01-02");
        using JsonDocument json = JsonDocument.Parse(new BenchReport(machine, "cpu", 1, "wall clock", false, BenchReportRow.Of(Sweep)).ToJson());
        Assert.That(json.RootElement.GetProperty("complete").GetBoolean(), Is.False);
        JsonElement last = json.RootElement.GetProperty("measurements")[6];
        Assert.That(last.GetProperty("dilation").GetInt32(), Is.EqualTo(64));
        Assert.That(last.GetProperty("samples_ms")[0].GetDouble(), Is.EqualTo(2.64).Within(1e-12));
        Assert.That(last.GetProperty("over_least_dilation").GetDouble(), Is.EqualTo(2.64 / 2.01).Within(1e-12));
    }
}
