using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>Bad input through the command itself: exit code 2, one clear message, no stack trace, nothing written.</summary>
public class RefusalTests
{
    private static readonly Palette BlackAndWhite = new([(0, 0, 0), (255, 255, 255)]);

    [Test]
    public void AMaskValueOutsideTheClassesIsNamedWithItsFileAndPlace()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        var mask = new IndexMask(SmallDataset.Size, SmallDataset.Size);
        mask.Indices[(3 * SmallDataset.Size) + 5] = 7;
        MaskFile.Write(folder["data/trainannot/1.png"], mask, Palette.Voc);
        AssertTrainingRefused(folder, data, "1.png", "7", "0 to 1");
    }

    [Test]
    public void AMissingMaskIsNamed()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        File.Delete(folder["data/trainannot/2.png"]);
        AssertTrainingRefused(folder, data, "2.png", "mask");
    }

    [Test]
    public void AMaskOfAnotherSizeIsNamedWithBothSizes()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        MaskFile.Write(folder["data/valannot/0.png"], new IndexMask(20, 30), BlackAndWhite);
        AssertTrainingRefused(folder, data, "0.png", "20", "30", $"{SmallDataset.Size}");
    }

    [Test]
    public void AnEmptySplitIsNamed()
    {
        using var folder = new TemporaryFolder();
        AssertTrainingRefused(folder, SmallDataset.Create(folder, training: 0), "train");
    }

    [Test]
    public void WithoutImagesForValidationTheOptionThatDoesWithoutIsNamed()
    {
        using var folder = new TemporaryFolder();
        AssertTrainingRefused(folder, SmallDataset.Create(folder, validation: 0), "the split \"val\" has no images. To train without one: --val-split none.");
    }

    [Test]
    public void ASplitThatIsNotThereNamesThoseThatAre()
    {
        using var folder = new TemporaryFolder();
        AssertTrainingRefused(folder, SmallDataset.Create(folder), ["--val-split", "test"], "test", "train", "val");
    }

    [TestCase("--focal-gamma is a number such as 0.5 or 1e-3; it was 2,5.", "--focal-gamma", "2,5")]
    [TestCase("--weight-decay is a number such as 0.5 or 1e-3; it was 0,0005.", "--weight-decay", "0,0005")]
    [TestCase("--dropout is a number such as 0.5 or 1e-3; it was ,5.", "--dropout", ",5")]
    [TestCase("--seed is a whole number from 0 up to 18446744073709551615; it was -1.", "--seed", "-1")]
    [TestCase("--validate-every is a whole number up to 9223372036854775807; it was 1,000.", "--validate-every", "1,000")]
    [TestCase("Option '--batch' takes one value, and 2 were provided.", "--batch", "3")]
    public void NumbersAreReadInOneWay(string message, params string[] options)
    {
        using var folder = new TemporaryFolder();
        AssertTrainingRefused(folder, SmallDataset.Create(folder), options, message);
    }

    [Test]
    public void AFolderForResultsThatCannotBeMadeIsNamed()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "run", 0, "--steps", "1", "--val-split", "none");
        AssertRefused(folder, ["predict", "run/last.safetensors", "data/val/0.png", "--out", "data/dataset.json/masks"], "The folder for the results, data/dataset.json/masks, cannot be made: ");
    }

    [Test]
    public void AWrongDescriptionIsToldInTheCountOfEditors()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        File.WriteAllText(folder["data/dataset.json"], "{\n  \"clases\": [\"a\"]\n}");
        AssertRefused(folder, ["check-data", data], "dataset.json: line 2, byte ", "'clases' is none that belongs here. The fields are name, classes");
        File.WriteAllText(folder["data/dataset.json"], "{,}");
        AssertRefused(folder, ["check-data", data], "dataset.json: line 1, byte 2: ',' is an invalid start of a property name. Expected a '\"'. The fields");
    }

    [Test]
    public void ACropThatDoesNotFitTheStrideNamesTheNearestThatDo()
    {
        using var folder = new TemporaryFolder();
        AssertTrainingRefused(folder, SmallDataset.Create(folder), ["--crop", "400"], "400", "396", "404");
    }

    [Test]
    public void ATruncatedPngIsNamed()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        byte[] whole = File.ReadAllBytes(folder["data/train/3.png"]);
        File.WriteAllBytes(folder["data/train/3.png"], whole[..(whole.Length / 2)]);
        AssertTrainingRefused(folder, data, "3.png");
        AssertProblemListed(folder, data, "3.png");
    }

    [Test]
    public void AZeroByteJpegIsNamed()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        File.Move(folder["data/trainannot/0.png"], folder["data/trainannot/9.png"]);
        File.Delete(folder["data/train/0.png"]);
        folder.Write("data/train/9.jpg", []);
        AssertTrainingRefused(folder, data, "9.jpg", "empty");
    }

    [Test]
    public void ADatasetWithoutClassesIsRefused()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        folder.Write("data/dataset.json", """{ "name": "none", "classes": [], "palette": [], "void": 255, "meanBgr": [0, 0, 0] }""");
        AssertTrainingRefused(folder, data, "dataset.json", "class");
    }

    [Test]
    public void ACheckpointOfAnotherModelIsRefusedEverywhere()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "a", 0, "--steps", "1", "--val-split", "none");
        Train(folder, data, "b", 0, "--steps", "1", "--val-split", "none", "--recipe", "Joint");

        using var three = new TemporaryFolder();
        string other = SmallDataset.Create(three);
        three.Write("data/dataset.json", """{ "name": "three", "classes": ["a", "b", "c"], "palette": [[0, 0, 0], [1, 1, 1], [2, 2, 2]], "void": 255, "meanBgr": [0, 0, 0] }""");
        AssertRefused(folder, ["eval", "a/last.safetensors", other], "2 classes", "3");
        AssertRefused(folder, ["train", other, "--run", "c", "--recipe", "Context", "--weights", "a/last.safetensors", "--steps", "1"], "classes");
        Assert.That(Directory.Exists(folder["c"]), Is.False);

        byte[] wrong = File.ReadAllBytes(folder["b/last.safetensors"]);
        File.WriteAllBytes(folder["a/last.safetensors"], wrong);
        AssertRefused(folder, ["train", "--resume", "a"], "last.safetensors");
        Assert.That(File.ReadAllBytes(folder["a/last.safetensors"]), Is.EqualTo(wrong), "nothing is overwritten");
    }

    [Test]
    public void FilesThatAreNoCheckpointsAreRefused()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        folder.Write("empty.safetensors", []);
        folder.Write("text.safetensors", "this is no checkpoint, whatever its name says");
        foreach (string file in new[] { "empty.safetensors", "text.safetensors", "missing.safetensors", "data" })
        {
            AssertRefused(folder, ["eval", file, data], file);
            AssertRefused(folder, ["predict", file, "data/val/0.png"], file);
            AssertRefused(folder, ["info", file], file);
            AssertRefused(folder, ["train", data, "--run", "run", "--recipe", "Context", "--weights", file], file);
        }

        Assert.That(Directory.Exists(folder["run"]), Is.False);
        Assert.That(Directory.Exists(folder["predictions"]), Is.False);
    }

    [Test]
    public void ARunFolderInUseIsNeverOverwritten()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "run", 0, "--steps", "1", "--val-split", "none");
        byte[] before = File.ReadAllBytes(folder["run/last.safetensors"]);
        AssertRefused(folder, ["train", data, "--run", "run", .. SmallDataset.TinyTraining], "run", "--resume");
        folder.Write("notes/mine.txt", "keep me");
        AssertRefused(folder, ["train", data, "--run", "notes", .. SmallDataset.TinyTraining], "notes", "not empty");
        Assert.That(File.ReadAllBytes(folder["run/last.safetensors"]), Is.EqualTo(before));
        AssertRefused(folder, ["train", "--resume", "nowhere"], "nowhere");
    }

    [Test]
    public void TwoTrainingsDoNotShareARunFolder()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        using DilatedProcess first = DilatedProcess.Start(
            folder.Path, ["train", data, "--run", "run", .. SmallDataset.TinyTraining, "--steps", "100000", "--val-split", "none"]);
        while (!first.HasExited && !File.Exists(folder["run/last.safetensors"]))
        {
            Thread.Sleep(5);
        }

        AssertRefused(folder, ["train", "--resume", "run"], "Another process");
        first.SendInterrupt();
        Assert.That(first.Wait().ExitCode, Is.EqualTo(130));
    }

    [Test]
    public void ResumingTakesNoOtherOptions()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "run", 0, "--steps", "1", "--val-split", "none");
        AssertRefused(folder, ["train", "--resume", "run", "--steps", "50"], "--steps");
        folder.Write("run/config.json", File.ReadAllText(folder["run/config.json"]).Replace("\"model\": {", "\"model\": null, \"old\": {", StringComparison.Ordinal));
        AssertRefused(folder, ["train", "--resume", "run"], "config.json");
    }

    [Test]
    public void PredictionsAreNotOverwrittenUnasked()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "run", 0, "--steps", "1", "--val-split", "none");
        folder.Write("out/0.png", "mine");
        AssertRefused(folder, ["predict", "run/last.safetensors", "data/val/0.png", "--out", "out"], "0.png", "--overwrite");
        AssertRefused(folder, ["predict", "run/last.safetensors", "data/val/0.png", "--out", "data/val", "--overwrite"], "input");
        AssertRefused(folder, ["predict", "run/last.safetensors", "data/val/0.png", "data/train/0.png", "--out", "both"], "both");
        Assert.That(File.ReadAllText(folder["out/0.png"]), Is.EqualTo("mine"));
    }

    [TestCase("train")]
    [TestCase("train", "data", "--run", "x", "--steps", "0")]
    [TestCase("train", "data", "--run", "x", "--lr", "-1")]
    [TestCase("train", "data", "--run", "x", "--batch", "many")]
    [TestCase("train", "data", "--run", "x", "--width", "0")]
    [TestCase("train", "data", "--run", "x", "--context", "1,2,x")]
    [TestCase("train", "data", "--run", "x", "--model", "resnet")]
    [TestCase("train", "data", "--run", "x", "--model", "fcn-8s", "--recipe", "joint", "--width", "0.02")]
    [TestCase("train", "data", "--run", "x", "--model", "fcn-8s", "--crop", "0", "--width", "0.02")]
    [TestCase("train", "data", "--run", "x", "--model", "fcn-32s", "--learn-upsampling")]
    [TestCase("train", "data", "--run", "x", "--model", "deeplab", "--learn-upsampling")]
    [TestCase("train", "data", "--run", "x", "--model", "deeplab", "--labels", "full", "--width", "0.02")]
    [TestCase("train", "data", "--run", "x", "--preset", "fcn-8s")]
    [TestCase("info", "--model", "fcn-8s", "--context", "basic")]
    [TestCase("train", "data", "--run", "x", "--recipe", "Context")]
    [TestCase("train", "data", "--run", "x", "--threads", "0")]
    [TestCase("train", "data", "--run", "x", "--device", "tpu")]
    [TestCase("train", "data", "--run", "x", "--preset", "resnet")]
    [TestCase("train", "data", "--run", "x", "--preset", "voc-dilation8")]
    [TestCase("train", "data", "--run", "x", "--recipe", "7")]
    [TestCase("train", "data", "--run", "x", "--schedule", "sawtooth")]
    [TestCase("train", "data", "--run", "")]
    [TestCase("train", "", "--run", "x")]
    [TestCase("train", "--resume", "")]
    [TestCase("train", "data", "--run", "x", "--lr", "1e-60")]
    [TestCase("train", "data", "--run", "x", "--weight-decay", "1e999")]
    [TestCase("train", "data", "--run", "x", "--recipe", "joint", "--context-noise", "-1")]
    [TestCase("train", "data", "--run", "x", "--context", "basic")]
    [TestCase("train", "data", "--run", "x", "--context-padding", "none", "--recipe", "joint")]
    [TestCase("train", "data", "--run", "x", "--preset", "camvid-dilation8", "--width", "0.1")]
    [TestCase("info", "voc-dilation8", "--width", "0.1")]
    [TestCase("info", "--batch", "2000000000", "--input", "65536")]
    [TestCase("demo", "--out", "")]
    [TestCase("demo", "--out", "data")]
    [TestCase("check-data", "")]
    [TestCase("train", "nowhere", "--run", "x")]
    [TestCase("eval", "x")]
    [TestCase("predict", "x")]
    [TestCase("info", "resnet")]
    [TestCase("info", "voc-dilation8", "--input", "100")]
    [TestCase("info", "voc-dilation8", "--input", "big")]
    [TestCase("check-data", "nowhere")]
    [TestCase("frobnicate")]
    public void WrongUsageIsRefused(params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        AssertRefused(folder, arguments);
        Assert.That(Directory.Exists(folder["x"]), Is.False, "nothing is written");
    }

    [Test]
    public void ADeviceThatCannotBeHadIsExitCode3()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["train", data, "--run", "x", "--device", "cuda:99", .. SmallDataset.TinyTraining]);
        Assert.That(result.ExitCode, Is.EqualTo(3));
        Assert.That(result.Error, Does.Contain("cuda:99"));
        Assert.That(Directory.Exists(folder["x"]), Is.False);
    }

    private static void AssertTrainingRefused(TemporaryFolder folder, string data, params string[] message) => AssertTrainingRefused(folder, data, [], message);

    private static void AssertTrainingRefused(TemporaryFolder folder, string data, string[] options, params string[] message)
    {
        AssertRefused(folder, ["train", data, "--run", "run", .. SmallDataset.TinyTraining.Except(options.Length > 0 && options[0] == "--crop" ? ["--crop", "396"] : []), .. options], message);
        Assert.That(Directory.Exists(folder["run"]), Is.False, "refused before anything is written");
    }

    private static void AssertProblemListed(TemporaryFolder folder, string data, string file)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, "check-data", data);
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Output, Does.Contain(file));
    }

    private static void AssertRefused(TemporaryFolder folder, string[] arguments, params string[] message) => DilatedProcess.AssertRefused(folder, arguments, message);

    private static void Train(TemporaryFolder folder, string data, string run, int exitCode, params string[] options)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["train", data, "--run", run, .. SmallDataset.TinyTraining, .. options]);
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), result.Error);
    }
}
