using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>An export or import that is ended while it writes leaves nothing half-written behind.</summary>
[Platform("Linux,MacOsX", Reason = "Signals.")]
public sealed class InterruptedExportTests
{
    [TestCase("safetensors", false)]
    [TestCase("onnx", true)]
    public void NoTemporaryFileIsLeft(string format, bool interrupt)
    {
        using var folder = new TemporaryFolder();
        using (SegmentationModel model = SegmentationModel.Create(Device.Cpu, new ModelConfig { Name = "wide", FrontEnd = FrontEndConfig.Vgg16(2, 0.25), MeanBgr = [80, 80, 80], ClassNames = ["a", "b"] }, 1))
        {
            ModelFile.Save(folder["model.safetensors"], model);
        }

        AssertNothingIsLeft(folder, interrupt, ["export", "model.safetensors", "--format", format, "--out", "out"]);
    }

    [Test]
    public void NorOfAnImport()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = new() { Name = "wide", FrontEnd = FrontEndConfig.Vgg16(2, 0.25), MeanBgr = [80, 80, 80], ClassNames = ["a", "b"] };
        using (SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, 1))
        {
            ModelFile.Save(folder["model.safetensors"], model);
        }

        AssertNothingIsLeft(folder, interrupt: false, ["import", "model.safetensors", "--width", "0.25", "--classes", "2", "--mean", "80,80,80", "--out", "out"]);
    }

    private static void AssertNothingIsLeft(TemporaryFolder folder, bool interrupt, string[] arguments)
    {
        int ended = 0;
        for (int attempt = 0; attempt < 10 && ended < 2; attempt++)
        {
            File.Delete(folder["out"]);
            using DilatedProcess process = DilatedProcess.Start(folder.Path, arguments);
            while (!process.HasExited && !Directory.EnumerateFiles(folder.Path, "*.tmp").Any())
            {
                Thread.Yield();
            }

            process.Send(interrupt);
            DilatedProcess.Result result = process.Wait();
            Assert.That(result.ExitCode, Is.AnyOf(0, interrupt ? 130 : 143), result.Error);
            Assert.That(Directory.EnumerateFiles(folder.Path, "*.tmp"), Is.Empty);
            Assert.That(File.Exists(folder["out"]), Is.EqualTo(result.ExitCode == 0));
            ended += result.ExitCode == 0 ? 0 : 1;
        }

        Assert.That(ended, Is.Positive, "none was ended while it wrote");
    }
}
