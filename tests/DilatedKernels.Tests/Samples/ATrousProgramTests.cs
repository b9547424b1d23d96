using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Samples;

/// <summary>The sample as a person starts it.</summary>
public class ATrousProgramTests
{
    [Test]
    public void WritesThePlanesAndPutsThemTogether()
    {
        using var folder = new TemporaryFolder();
        PngWriter.Write(folder["photo.png"], new RgbImage(3, 2, [.. Enumerable.Range(0, 18).Select(i => (byte)(13 * i))]));
        (int code, string output, string error) = Run(folder, "photo.png", "planes", "2");
        Assert.That(code, Is.Zero, error);
        Assert.That(output, Does.Contain("dilation 2").And.Contain("Together again"));
        Assert.That(Directory.GetFiles(folder["planes"]).Select(Path.GetFileName), Is.EquivalentTo((string[])["detail-1.png", "detail-2.png", "smooth.png"]));
    }

    [TestCase(1, 1)]
    [TestCase(50, 1)]
    [TestCase(1, 2)]
    public void AnImageWithoutASecondPixelIsRefusedBeforeAnythingIsWritten(int width, int height)
    {
        using var folder = new TemporaryFolder();
        PngWriter.Write(folder["line.png"], new RgbImage(width, height, new byte[3 * width * height]));
        (int code, string _, string error) = Run(folder, "line.png", "planes");
        Assert.That(code, Is.EqualTo(2), error);
        Assert.That(error, Does.StartWith("line.png: ").And.Contain($"{width}×{height}").And.Contain("2 pixels or more").And.Not.Contain("Parameter"));
        Assert.That(Directory.Exists(folder["planes"]), Is.False);
    }

    [Test]
    public void AnEmptyFolderNameIsWrongUsage()
    {
        using var folder = new TemporaryFolder();
        PngWriter.Write(folder["photo.png"], new RgbImage(3, 2, new byte[18]));
        (int code, string _, string error) = Run(folder, "photo.png", "");
        Assert.That(code, Is.EqualTo(2), error);
        Assert.That(error, Does.StartWith("usage:"));
    }

    private static (int Code, string Output, string Error) Run(TemporaryFolder folder, params string[] arguments) => SampleProgram.Run(folder, "ATrous", arguments);
}
