using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>FCN and DeepLab through the command: trained, scored, predicted.</summary>
public class BaselineCommandTests
{
    private static readonly string[] s_training = ["--batch", "2", "--optimizer", "sgd", "--lr", "0.01", "--steps", "2"];

    [Test]
    public void AnFcnIsTrainedStageByStage()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result coarse = Train(folder, data, "32s", "--model", "fcn-32s", "--width", "0.015625", "--crop", "48");
        Assert.That(coarse.Error, Does.Not.Contain("fresh"));
        DilatedProcess.Result middle = Train(folder, data, "16s", "--model", "fcn-16s", "--weights", "32s/last.safetensors", "--crop", "40x48", "--learn-upsampling");
        Assert.That(middle.Error, Does.Contain("so fresh: upscore2, score_pool4"));
        DilatedProcess.Result fine = Train(folder, data, "8s", "--model", "fcn-8s", "--weights", "16s/last.safetensors", "--crop", "48");
        Assert.That(fine.Error, Does.Contain("so fresh: upscore_pool4, score_pool3"));
        ModelConfig config = ModelFile.ReadConfig(folder["8s/last.safetensors"]);
        Assert.That((config.Name, config.Fcn!.Stride, config.Fcn.WidthMultiplier, config.Fcn.LearnUpsampling), Is.EqualTo(("fcn-8s", 8, 1.0 / 64, true)));
        ScoreAndPredict(folder, data, "8s/last.safetensors");

        foreach (string verb in (string[])["predict", "crf"])
        {
            DilatedProcess.AssertRefused(
                folder, [verb, "8s/last.safetensors", "data/val/0.png", "--out", "tiled", "--tile", "8"], "--tile would have no effect: fcn-8s pads its maps");
        }
    }

    [Test]
    public void DeepLabIsTrainedAndTakesAContextModule()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "large", "--model", "deeplab-largefov", "--width", "0.03125", "--crop", "41");
        DilatedProcess.Result scales = Train(folder, data, "msc", "--model", "deeplab-msc-largefov", "--weights", "large/last.safetensors", "--crop", "41");
        Assert.That(scales.Error, Does.Contain("so fresh: msc_image_1, ").And.Not.Contain("fc8,"));
        ScoreAndPredict(folder, data, "msc/last.safetensors");
        Train(folder, data, "context", "--recipe", "context", "--weights", "large/last.safetensors");
        ScoreAndPredict(folder, data, "context/last.safetensors");
        Train(folder, data, "joint", "--recipe", "joint", "--weights", "context/last.safetensors", "--crop", "33");
        Assert.That(ModelFile.ReadConfig(folder["joint/last.safetensors"]).Context, Is.Not.Null);
        ScoreAndPredict(folder, data, "joint/last.safetensors");
    }

    [Test]
    public void OnlyWhatIsFreshLearnsAlsoAfterAnInterruption()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "large", "--model", "deeplab-largefov", "--width", "0.03125", "--crop", "41");
        string[] scales = ["--model", "deeplab-msc-largefov", "--weights", "large/last.safetensors", "--crop", "41", "--only-fresh", "--val-split", "none", "--lr", "0.01", "--steps", "30"];
        DilatedProcess.Result whole = DilatedProcess.Run(folder.Path, ["train", data, "--run", "one", .. scales]);
        Assert.That(whole.ExitCode, Is.Zero, whole.Error);
        Dictionary<string, float[]> before = Weights(folder["large/last.safetensors"]);
        Dictionary<string, float[]> after = Weights(folder["one/last.safetensors"]);
        foreach ((string name, float[] values) in before)
        {
            Assert.That(after[name], Is.EqualTo(values), name);
        }

        using (DilatedProcess process = DilatedProcess.Start(folder.Path, ["train", data, "--run", "two", .. scales]))
        {
            while (!process.HasExited && !File.Exists(folder["two/last.safetensors"]))
            {
                Thread.Sleep(5);
            }

            process.SendInterrupt();
            Assert.That(process.Wait().ExitCode, Is.EqualTo(130));
        }

        Dictionary<string, float[]> began = Weights(folder["two/last.safetensors"]);
        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "two");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(File.ReadAllBytes(folder["two/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["one/last.safetensors"])));
        foreach (string name in after.Keys.Except(before.Keys))
        {
            Assert.That(after[name], Is.Not.EqualTo(began[name]), name);
        }

        DilatedProcess.AssertRefused(
            folder, ["train", data, "--run", "none", "--model", "deeplab-msc-largefov", "--weights", "one/last.safetensors", "--crop", "41", "--only-fresh"], "There is nothing to train");
        DilatedProcess.AssertRefused(
            folder, ["train", data, "--run", "none", "--model", "deeplab-msc-largefov", "--width", "0.03125", "--crop", "41", "--only-fresh"], "name the weights");
        Assert.That(Directory.Exists(folder["none"]), Is.False);
    }

    [Test]
    public void AContextModuleIsNotTrainedOnANetworkThatIsFreshAndStaysSo()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "large", "--model", "deeplab-largefov", "--width", "0.03125", "--crop", "41");
        Train(folder, data, "context", "--recipe", "context", "--weights", "large/last.safetensors");
        foreach (string weights in (string[])["large", "context"])
        {
            string[] arguments = ["train", data, "--run", "none", "--recipe", "context", "--model", "deeplab-msc-largefov", "--weights", $"{weights}/last.safetensors"];
            DilatedProcess.AssertRefused(folder, arguments, $"{weights}/last.safetensors has no 'msc_image_1.weight'", "the whole network before it");
            DilatedProcess.AssertRefused(folder, [.. arguments, "--only-fresh"], "has no 'msc_image_1.weight'");
        }

        Assert.That(Directory.Exists(folder["none"]), Is.False);
    }

    [Test]
    public void OneSeedGivesTheSameBitsWithOneThreadAndTwo([Values("fcn-8s", "deeplab")] string model)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        foreach (string threads in (string[])["1", "2"])
        {
            Train(folder, data, threads, "--model", model, "--width", "0.015625", "--crop", "41", "--val-split", "none", "--threads", threads);
        }

        Assert.That(File.ReadAllBytes(folder["2/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["1/last.safetensors"])));
    }

    private static DilatedProcess.Result Train(TemporaryFolder folder, string data, string run, params string[] options)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["train", data, "--run", run, .. s_training, .. options]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result;
    }

    private static void ScoreAndPredict(TemporaryFolder folder, string data, string checkpoint)
    {
        DilatedProcess.Result eval = DilatedProcess.Run(folder.Path, "eval", checkpoint, data);
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        DilatedProcess.Result predict = DilatedProcess.Run(folder.Path, "predict", checkpoint, "data/val/0.png", "--out", "out", "--overwrite");
        Assert.That(predict.ExitCode, Is.Zero, predict.Error);
        IndexMask mask = MaskFile.Read(folder["out/0.png"]);
        Assert.That((mask.Width, mask.Height), Is.EqualTo((SmallDataset.Size, SmallDataset.Size)));
    }

    private static Dictionary<string, float[]> Weights(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.Names.Where(name => !name.StartsWith("optimizer/", StringComparison.Ordinal)).ToDictionary(name => name, name => file.Read(name).Values);
    }
}
