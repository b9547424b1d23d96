using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation;
using DilatedKernels.Tests.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation.Import;

namespace DilatedKernels.Tests.Cli;

/// <summary><c>dilated import</c> as a person starts it.</summary>
public class ImportCommandTests
{
    private const string Narrow = "0.015625";

    [Test]
    public void AnImportedNetworkTrainsScoresAndPredicts()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        WriteTorch(folder, "vgg16.safetensors");
        DilatedProcess.Result import = Run(folder, "import", "vgg16.safetensors", "--classes", "2", "--width", Narrow, "--out", "start.safetensors");
        Assert.That(import.Output, Does.Contain("torchvision").And.Contain("loaded (30)").And.Contain("from [64, 392]").And.Contain("initialised (2)").And.Contain("final.weight").And.Contain("classifier.6.weight: "));
        Assert.That(ModelFile.ReadConfig(folder["start.safetensors"]).MeanBgr, Is.EqualTo(new[] { 255 * 0.406, 255 * 0.456, 255 * 0.485 }));
        Run(folder, "eval", "start.safetensors", data);
        Run(folder, "predict", "start.safetensors", "data/val/0.png");
        Run(folder, "train", data, "--run", "run", "--weights", "start.safetensors", "--crop", "396", "--batch", "1", "--steps", "1", "--val-split", "none");
        Run(folder, "info", "start.safetensors");
    }

    [Test]
    public void AMeanAndAContextModuleCanBeNamed()
    {
        using var folder = new TemporaryFolder();
        WriteTorch(folder, "vgg16.safetensors");
        Run(folder, "import", "vgg16.safetensors", "--width", Narrow, "--context", "basic", "--mean", "1,2,3.5", "--fresh", "fc6,fc7", "--out", "a.safetensors");
        ModelConfig config = ModelFile.ReadConfig(folder["a.safetensors"]);
        Assert.That(config.MeanBgr, Is.EqualTo(new[] { 1, 2, 3.5 }));
        Assert.That(config.Context, Is.Not.Null);
        Run(folder, "import", "vgg16.safetensors", "--width", Narrow, "--out", "a.safetensors", "--overwrite");
        Assert.That(ModelFile.ReadConfig(folder["a.safetensors"]).Context, Is.Null);
    }

    [Test]
    public void WrongSourcesAreRefused()
    {
        using var folder = new TemporaryFolder();
        WriteTorch(folder, "vgg16.safetensors");
        string[] target = ["--width", Narrow, "--out", "x.safetensors"];
        using (SegmentationModel model = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8")))
        {
            folder.Write("camvid.caffemodel", CaffeWriter.Write(CaffeForm.Current, PublishedNetworks.Layers(model, "camvid-dilation8")));
            folder.Write("cut.caffemodel", File.ReadAllBytes(folder["camvid.caffemodel"]).AsSpan(0, 5000));
            folder.Write("missing.caffemodel", CaffeWriter.Write(CaffeForm.Old, PublishedNetworks.Layers(model, "vgg").Where(layer => layer.Layer != "conv4_2")));
        }

        folder.Write("weights.pth", "PK\u0003\u0004archive");
        folder.Write("notes.txt", "these are no weights");
        DilatedProcess.AssertRefused(folder, ["import", "nowhere", .. target], "no file nowhere");
        DilatedProcess.AssertRefused(folder, ["import", ".", .. target], "folder");
        DilatedProcess.AssertRefused(folder, ["import", "weights.pth", .. target], "weights.pth", "PyTorch", "safetensors");
        DilatedProcess.AssertRefused(folder, ["import", "notes.txt", .. target], "notes.txt", "neither");
        DilatedProcess.AssertRefused(folder, ["import", "cut.caffemodel", .. target, "--mean", "1,2,3"], "cut.caffemodel", "damaged", "byte");
        DilatedProcess.AssertRefused(folder, ["import", "missing.caffemodel", .. target], "'conv4_2.weight'");
        DilatedProcess.AssertRefused(folder, ["import", "vgg16.safetensors", "--out", "x.safetensors"], "'features.0.weight' has shape [1, 3, 3, 3]", "[64, 3, 3, 3]");
        DilatedProcess.AssertRefused(folder, ["import", "camvid.caffemodel", .. target, "--classes", "4", "--mean", "1,2,3"], "'final.weight'", "--fresh final");
        DilatedProcess.AssertRefused(folder, ["import", "camvid.caffemodel", .. target, "--classes", "11"], "--mean", "--preset");
        DilatedProcess.AssertRefused(folder, ["import", "camvid.caffemodel", .. target, "--classes", "11", "--mean", "1,2,3", "--context", "1,1,2,1"], "'ctx_conv3_1.weight' has no place");
        Assert.That(File.Exists(folder["x.safetensors"]), Is.False, "nothing is written");
    }

    [Test]
    public void AnExistingFileIsNotOverwrittenUnasked()
    {
        using var folder = new TemporaryFolder();
        WriteTorch(folder, "vgg16.safetensors");
        folder.Write("mine.safetensors", "mine");
        DilatedProcess.AssertRefused(folder, ["import", "vgg16.safetensors", "--width", Narrow, "--out", "mine.safetensors"], "mine.safetensors", "--overwrite");
        DilatedProcess.AssertRefused(folder, ["import", "vgg16.safetensors", "--width", Narrow, "--out", "./vgg16.safetensors", "--overwrite"], "to be read");
        DilatedProcess.AssertRefused(folder, ["import", "vgg16.safetensors", "--width", Narrow, "--out", "there/x.safetensors"], "no folder", "there");
        DilatedProcess.AssertRefused(folder, ["import", "vgg16.safetensors", "--width", Narrow, "--out", "."], "--out");
        Assert.That(File.ReadAllText(folder["mine.safetensors"]), Is.EqualTo("mine"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Pipes and devices are no files there.")]
    public void PipesDevicesAndLinksAreSeenThrough()
    {
        using var folder = new TemporaryFolder();
        WriteTorch(folder, "vgg16.safetensors");
        File.CreateSymbolicLink(folder["link"], "vgg16.safetensors");
        File.CreateSymbolicLink(folder["broken"], folder["nowhere"]);
        string[] options = ["--width", Narrow, "--overwrite", "--out"];
        using (new NamedPipe(folder["pipe"]))
        {
            DilatedProcess.AssertRefused(folder, ["import", "pipe", .. options, "x"], "pipe", "a pipe or a device");
        }

        DilatedProcess.AssertRefused(folder, ["import", "broken", .. options, "x"], "broken", "nowhere");
        DilatedProcess.AssertRefused(folder, ["import", "link", .. options, "vgg16.safetensors"], "to be read");
        DilatedProcess.AssertRefused(folder, ["import", "vgg16.safetensors", .. options, "/dev/none"], "device");
    }

    [TestCase("import")]
    [TestCase("import", "vgg16.safetensors")]
    [TestCase("import", "vgg16.safetensors", "--out", "")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--preset", "resnet")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--preset", "voc-dilation8", "--width", "0.1")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--preset", "voc-dilation8", "--classes", "3")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--width", Narrow, "--mean", "1,2")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--width", Narrow, "--mean", "1,2,300")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--width", Narrow, "--mean", "b,g,r")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--width", Narrow, "--classes", "0")]
    [TestCase("import", "vgg16.safetensors", "--out", "x", "--width", Narrow, "--fresh", "last")]
    [TestCase("import", "vgg16.safetensors", "vgg16.safetensors", "--out", "x", "--width", Narrow)]
    public void WrongUsageIsRefused(params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        WriteTorch(folder, "vgg16.safetensors");
        DilatedProcess.AssertRefused(folder, arguments);
        Assert.That(File.Exists(folder["x"]), Is.False, "nothing is written");
    }

    private static void WriteTorch(TemporaryFolder folder, string name)
    {
        using SegmentationModel vgg = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8"));
        SafetensorsWriter.Write(folder[name], PublishedNetworks.Torch(vgg, isTimm: false));
    }

    private static DilatedProcess.Result Run(TemporaryFolder folder, params string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, arguments);
        Assert.That(result.ExitCode, Is.Zero, $"{string.Join(' ', arguments)}: {result.Error}");
        return result;
    }
}
