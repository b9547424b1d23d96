using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Segmentation;
using DilatedKernels.Tests.Segmentation.Import;

namespace DilatedKernels.Tests.Cli;

/// <summary><c>dilated export</c> as a person starts it.</summary>
public class ExportCommandTests
{
    private const string Checkpoint = "model.safetensors";

    [Test]
    public void EveryFormatIsWritten()
    {
        using TemporaryFolder folder = WithCheckpoint();
        DilatedProcess.Result onnx = Run(folder, "export", Checkpoint, "--format", "onnx", "--out", "a.onnx");
        Assert.That(onnx.Output, Does.Contain("image [batch, 3, height, width]").And.Contain("margin 186").And.Contain("scores [batch, 11, h, w], one for 8 pixels"));
        Assert.That(Run(folder, "export", Checkpoint, "--format", "ONNX", "--probabilities", "--out", "p.onnx").Output, Does.Contain("probabilities [batch, 11, h, w]"));
        Run(folder, "export", Checkpoint, "--format", "safetensors", "--out", "b.safetensors");
        Assert.That(File.ReadAllBytes(folder["b.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder[Checkpoint])));
        Run(folder, "export", Checkpoint, "--format", "torchvision", "--out", "c.safetensors");
        Run(folder, "import", "c.safetensors", "--classes", "11", "--width", "0.015625", "--out", "d.safetensors");
        Assert.That(new FileInfo(folder["a.onnx"]).Length, Is.GreaterThan(10_000));
        Assert.That(Directory.GetFiles(folder.Path, "*.tmp"), Is.Empty);
    }

    [Test]
    public void WrongInputIsRefused()
    {
        using TemporaryFolder folder = WithCheckpoint();
        folder.Write("mine.onnx", "mine");
        folder.Write("notes.txt", "this is no checkpoint");
        DilatedProcess.AssertRefused(folder, ["export", Checkpoint, "--format", "onnx", "--out", "mine.onnx"], "mine.onnx", "--overwrite");
        DilatedProcess.AssertRefused(folder, ["export", Checkpoint, "--format", "onnx", "--out", "there/x.onnx"], "there");
        DilatedProcess.AssertRefused(folder, ["export", Checkpoint, "--format", "safetensors", "--out", Checkpoint, "--overwrite"], "to be read");
        DilatedProcess.AssertRefused(folder, ["export", Checkpoint, "--format", "caffe", "--out", "x"], "caffe", "onnx", "torchvision");
        DilatedProcess.AssertRefused(folder, ["export", Checkpoint, "--format", "torchvision", "--probabilities", "--out", "x"], "--probabilities");
        DilatedProcess.AssertRefused(folder, ["export", Checkpoint, "--out", "x"], "--format");
        DilatedProcess.AssertRefused(folder, ["export", Checkpoint, "--format", "onnx"], "--out");
        DilatedProcess.AssertRefused(folder, ["export", "nowhere", "--format", "onnx", "--out", "x"], "nowhere");
        DilatedProcess.AssertRefused(folder, ["export", "notes.txt", "--format", "onnx", "--out", "x"], "notes.txt");
        Assert.That(File.Exists(folder["x"]), Is.False, "nothing is written");
        Assert.That(File.ReadAllText(folder["mine.onnx"]), Is.EqualTo("mine"));
    }

    private static TemporaryFolder WithCheckpoint()
    {
        var folder = new TemporaryFolder();
        using SegmentationModel model = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8"));
        ModelFile.Save(folder[Checkpoint], model);
        return folder;
    }

    private static DilatedProcess.Result Run(TemporaryFolder folder, params string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, arguments);
        Assert.That(result.ExitCode, Is.Zero, $"{string.Join(' ', arguments)}: {result.Error}");
        return result;
    }
}
