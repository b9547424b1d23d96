using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>The paper's figures come out of <c>dilated info</c>.</summary>
public class InfoCommandTests
{
    [TestCase("voc-dilation8", "[1, 21, 66, 66]", "908 pixels", "6,803,139")]
    [TestCase("camvid-dilation8", "[1, 11, 66, 91]", "908 pixels", "margin 186")]
    [TestCase("kitti-dilation7", "[1, 11, 60, 159]", "margin 186")]
    [TestCase("cityscapes-dilation10", "[1, 19, 1024, 1024]", "margin 186")]
    [TestCase("fcn-8s", "[1, 21, 500, 500]", "margin 0", "134,362,751")]
    [TestCase("deeplab-largefov", "[1, 21, 41, 41]", "stride 8", "20,505,429")]
    public void PresetsHaveTheirPublishedGeometry(string preset, params string[] expected)
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, "info", preset);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        foreach (string text in expected)
        {
            Assert.That(result.Output, Does.Contain(text));
        }
    }

    [Test]
    public void TheFrontEndOf21ClassesHasItsPublishedSize()
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, "info", "--classes", "21", "--context", "basic", "--input", "500");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Output, Does.Contain("28,392").And.Contain("[1, 21, 16, 16]"));
        DilatedProcess.Result alone = DilatedProcess.Run(folder.Path, "info", "--classes", "21", "--input", "900", "--json");
        using var json = System.Text.Json.JsonDocument.Parse(alone.Output);
        Assert.That(json.RootElement.GetProperty("receptiveField").GetInt32(), Is.EqualTo(380));
        Assert.That(json.RootElement.GetProperty("parameters").GetInt64(), Is.EqualTo(134_346_581));
    }

    [Test]
    public void ABatchBeyondCountingIsRefused()
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.AssertRefused(folder, ["info", "--batch", "2000000000", "--input", "65536"], "--batch 2000000000", "65536×65536", "smaller");
    }

    [Test]
    public void DevicesAlwaysListsTheProcessorAndWhyNotCuda()
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, "devices");
        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(result.Output, Does.Contain("cpu").And.Contain("cuda"));
    }

    [Test]
    public void TheFigureIsDrawnOfAContextModuleOrOfRates()
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.Result module = DilatedProcess.Run(folder.Path, "info", "voc-dilation8", "--figure", "module.svg");
        Assert.That(module.ExitCode, Is.Zero, module.Error);
        Assert.That(module.Output, Does.Contain("Layer 7, dilation 1: receptive field 67×67.").And.Contain("No gridding"));
        Assert.That(System.Xml.Linq.XDocument.Load(folder["module.svg"]).Root!.Name.LocalName, Is.EqualTo("svg"));
        DilatedProcess.Result rates = DilatedProcess.Run(folder.Path, "info", "--figure", "rates.svg", "--dilations", "2,2,2");
        Assert.That(rates.Output, Does.Contain("receptive field 13×13, 120 of 169 (71 %) of its cells never touched").And.Contain("Gridding: "));
        DilatedProcess.AssertRefused(folder, ["info", "fcn-8s", "--figure", "x.svg"], "no context module", "info --dilations 1,2,4,8 --figure x.svg");
        DilatedProcess.AssertRefused(folder, ["info", "--figure", "x.svg", "--dilations", "1,0"], "--dilations is a list of dilations", "1,0");
        DilatedProcess.AssertRefused(folder, ["info", "--figure", "x.svg", "--dilations", "5000"], "dilations from 1 to 4096");
        DilatedProcess.AssertRefused(folder, ["info", "--dilations", "1,2"], "--dilations would have no effect", "--figure");
        DilatedProcess.AssertRefused(folder, ["info", "--figure", "x.svg", "--json"], "--json would have no effect");
        Assert.That(File.Exists(folder["x.svg"]), Is.False);
        folder.Write("dataset.json", "mine");
        DilatedProcess.AssertRefused(folder, ["info", "--figure", "dataset.json", "--dilations", "1,2"], "--figure dataset.json", "ends in .svg");
        DilatedProcess.AssertRefused(folder, ["info", "--figure", "", "--dilations", "1,2"], "--figure", "ends in .svg");
        Assert.That(File.ReadAllText(folder["dataset.json"]), Is.EqualTo("mine"));
    }
}
