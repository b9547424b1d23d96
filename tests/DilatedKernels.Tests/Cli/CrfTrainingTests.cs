using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>A CRF that is trained with the network, through the command.</summary>
public class CrfTrainingTests
{
    private static readonly string[] Joint = ["--crop", "412", "--batch", "2", "--crf-rnn", "crf-rnn"];

    [Test]
    public void TrainsWithTheNetworkPredictsAndGoesOn()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Run(folder, ["train", data, "--run", "front", .. SmallDataset.TinyTraining, "--steps", "2", "--val-split", "none"]);
        DilatedProcess.Result joint = Run(folder, ["train", data, "--run", "joint", "--weights", "front/last.safetensors", .. Joint, "--steps", "3", "--val-split", "none"]);
        Assert.That(joint.Error, Does.Contain("not in the weights, so fresh: crf"));
        (float[] bilateral, float[] compatibility) = (Read(folder["joint/last.safetensors"], "crf.bilateral"), Read(folder["joint/last.safetensors"], "crf.compatibility"));
        Assert.That(bilateral, Has.Length.EqualTo(2).And.None.EqualTo(5f));
        Assert.That(compatibility, Has.Length.EqualTo(4).And.None.EqualTo(-1f).And.None.EqualTo(0f));
        Assert.That(Read(folder["joint/last.safetensors"], "fc6.weight"), Is.Not.EqualTo(Read(folder["front/last.safetensors"], "fc6.weight")));

        Run(folder, ["eval", "joint/last.safetensors", data]);
        Run(folder, ["predict", "joint/last.safetensors", "data/val/0.png", "--out", "out"]);
        Assert.That(Run(folder, ["info", "joint/last.safetensors"]).Output, Does.Contain("of the CRF").And.Contain("-crf"));

        // From there on the CRF comes with the weights, and its learned numbers are where the next run starts.
        Run(folder, ["train", data, "--run", "more", "--weights", "joint/last.safetensors", "--crop", "412", "--batch", "1", "--steps", "1", "--lr", "1e-9", "--val-split", "none"]);
        Assert.That(Read(folder["more/last.safetensors"], "crf.bilateral"), Is.EqualTo(bilateral).Within(1e-6f));
        Assert.That(ModelFile.ReadConfig(folder["more/last.safetensors"]).Name, Is.EqualTo("front-end-crf"));
    }

    [Test]
    public void OneSeedGivesTheSameBitsWithOneThreadAndTwoAndWhenItIsResumed()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options = [.. SmallDataset.TinyTraining, .. Joint[4..], "--recipe", "joint", "--steps", "40", "--val-split", "none"];
        Run(folder, ["train", data, "--run", "one", "--threads", "1", .. options]);
        using (DilatedProcess process = DilatedProcess.Start(folder.Path, ["train", data, "--run", "two", "--threads", "2", .. options]))
        {
            while (!process.HasExited && !File.Exists(folder["two/last.safetensors"]))
            {
                Thread.Sleep(5);
            }

            process.SendInterrupt();
            Assert.That(process.Wait().ExitCode, Is.EqualTo(130));
        }

        Run(folder, ["train", "--resume", "two"]);
        Assert.That(File.ReadAllBytes(folder["two/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["one/last.safetensors"])));
    }

    [TestCase(new[] { "--recipe", "context", "--weights", "front/last.safetensors" }, "trained on images")]
    [TestCase(new[] { "--labels", "stride" }, "--labels full")]
    [TestCase(new[] { "--crf-rnn", "nonsense" }, "--crf-rnn is one of")]
    public void WhatCannotBeIsRefused(string[] options, string message)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        if (options.Contains("--weights"))
        {
            Run(folder, ["train", data, "--run", "front", .. SmallDataset.TinyTraining, "--steps", "1", "--val-split", "none"]);
        }
        else
        {
            options = [.. options, "--width", "0.015625"];
        }

        options = options.Contains("--crf-rnn") ? options : [.. options, "--crf-rnn", "crf-rnn"];
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["train", data, "--run", "run", .. options]);
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Error, Does.Contain(message));
        Assert.That(Directory.Exists(folder["run"]), Is.False);
    }

    [TestCase(new[] { "--crop", "280x300", "--val-split", "none" }, "the crop without its margins has 280×300")]
    [TestCase(new[] { "--crop", "64" }, "an image of the split val has 257×256")]
    public void TheExactKernelIsRefusedBeforeTrainingWhereImagesAreTooLarge(string[] options, string message)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        folder.Write("exact.json", """{ "kernel": "Exact" }""");
        PngWriter.Write(folder["data/val/0.png"], new RgbImage(256, 257, new byte[256 * 257 * 3]));
        MaskFile.Write(folder["data/valannot/0.png"], new IndexMask(256, 257), new Palette([(0, 0, 0), (255, 255, 255)]));
        string[] network = ["--model", "fcn-32s", "--width", "0.015625"];
        DilatedProcess.AssertRefused(folder, ["train", data, "--run", "run", "--crf-rnn", "exact.json", .. options, .. network], "at most 65536 pixels", message);
        DilatedProcess.AssertRefused(
            folder, ["compare", data, "--out", "run", "--systems", "fcn-32s", "--width", "0.015625", "--crf", "exact.json"], "at most 65536 pixels", "an image of the split val has 257×256");
        Assert.That(Directory.Exists(folder["run"]), Is.False);
    }

    [Test]
    public void AFileThatIsNoJsonIsNamed()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        folder.Write("crf.json", "from x import y");
        DilatedProcess.AssertRefused(folder, ["train", data, "--run", "run", "--crf-rnn", "crf.json"], "crf.json: ", "no valid JSON");
    }

    [Test]
    public void OnnxHasNoSuchOperator()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Run(folder, ["train", data, "--run", "run", .. SmallDataset.TinyTraining, "--crf-rnn", "crf-rnn", "--steps", "1", "--val-split", "none"]);
        DilatedProcess.Result onnx = DilatedProcess.Run(folder.Path, "export", "run/last.safetensors", "--format", "onnx", "--out", "net.onnx");
        Assert.That(onnx.ExitCode, Is.EqualTo(2), onnx.Error);
        Assert.That(onnx.Error, Does.Contain("ONNX has no operator"));
        Assert.That(File.Exists(folder["net.onnx"]), Is.False);
        Run(folder, ["export", "run/last.safetensors", "--format", "safetensors", "--out", "net.safetensors"]);
        Assert.That(Read(folder["net.safetensors"], "crf.spatial"), Has.Length.EqualTo(2));
    }

    private static DilatedProcess.Result Run(TemporaryFolder folder, string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, arguments);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result;
    }

    private static float[] Read(string path, string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.Read(name).Values;
    }
}
