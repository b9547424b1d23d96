using System.Text.Json;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary><c>--flip</c> and <c>--scales</c> through the command.</summary>
public class ViewOptionsTests
{
    private static readonly string[] s_views = ["--flip", "--scales", "1.25,0.75,1"];
    private static readonly string[] s_crf = ["--crf", "densecrf-demo", "--crf-iterations", "2"];

    [Test]
    public void TheAverageIsWhatIsWrittenRefinedAndScored()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Save(folder);
        ProbabilityMap average;
        RgbImage image = ImageFile.Read(folder["data/val/0.png"]);
        using (SegmentationModel model = ModelFile.Load(folder["model.safetensors"], Device.Cpu))
        {
            average = new Predictor(model, views: new PredictionViews([0.75, 1, 1.25], flip: true)).Probabilities(image);
            Assert.That(average.Values, Is.Not.EqualTo(new Predictor(model).Probabilities(image).Values));
        }

        string[] predict = ["predict", "model.safetensors", "data/val/0.png", "--device", "cpu", .. s_views];
        Run(folder, [.. predict, "--threads", "1", "--save-probabilities", "--out", "average"]);
        Assert.That(ProbabilityFile.Read(folder["average/0.safetensors"]).Map.Values, Is.EqualTo(average.Values));
        Assert.That(MaskFile.Read(folder["average/0.png"]).Indices, Is.EqualTo(average.ArgMax().Indices));
        Run(folder, [.. predict, "--out", "mask"]);
        Assert.That(File.ReadAllBytes(folder["mask/0.png"]), Is.EqualTo(File.ReadAllBytes(folder["average/0.png"])));

        byte[] refined = new DenseCrf(DenseCrfConfig.DenseCrfDemo with { Iterations = 2 }).Refine(image, average).ArgMax().Indices;
        Run(folder, [.. predict, "--out", "a", .. s_crf]);
        Run(folder, ["crf", "model.safetensors", "data/val/0.png", "--device", "cpu", "--out", "b", .. s_views, .. s_crf]);
        Assert.That(MaskFile.Read(folder["a/0.png"]).Indices, Is.EqualTo(refined));
        Assert.That(MaskFile.Read(folder["b/0.png"]).Indices, Is.EqualTo(refined));

        JsonElement with = Eval(s_views);
        Assert.That(with.GetProperty("flip").GetBoolean(), Is.True);
        Assert.That(with.GetProperty("scales").EnumerateArray().Select(scale => scale.GetDouble()), Is.EqualTo(new[] { 0.75, 1, 1.25 }));
        JsonElement without = Eval([]);
        Assert.That(without.TryGetProperty("scales", out _), Is.False);
        Assert.That(with.GetProperty("confusion").GetRawText(), Is.Not.EqualTo(without.GetProperty("confusion").GetRawText()));

        JsonElement Eval(string[] views)
        {
            using var json = JsonDocument.Parse(Run(folder, ["eval", "model.safetensors", data, "--device", "cpu", "--json", .. views]).Output);
            return json.RootElement.Clone();
        }
    }

    [Test]
    public void WindowsAreBlendedScoredAndRefined()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Save(folder);
        string[] windows = ["--window", "32", "--overlap", "8"];
        ProbabilityMap blended;
        RgbImage image = ImageFile.Read(folder["data/val/0.png"]);
        using (SegmentationModel model = ModelFile.Load(folder["model.safetensors"], Device.Cpu))
        {
            blended = new Predictor(model, window: new SlidingWindow(32, 8)).Probabilities(image);
            Assert.That(blended.Values, Is.Not.EqualTo(new Predictor(model).Probabilities(image).Values));
        }

        string[] predict = ["predict", "model.safetensors", "data/val/0.png", "--device", "cpu", .. windows];
        Run(folder, [.. predict, "--save-probabilities", "--out", "a"]);
        Assert.That(ProbabilityFile.Read(folder["a/0.safetensors"]).Map.Values, Is.EqualTo(blended.Values));
        Run(folder, [.. predict, "--out", "b", .. s_crf]);
        Assert.That(MaskFile.Read(folder["b/0.png"]).Indices, Is.EqualTo(new DenseCrf(DenseCrfConfig.DenseCrfDemo with { Iterations = 2 }).Refine(image, blended).ArgMax().Indices));
        using var json = JsonDocument.Parse(Run(folder, ["eval", "model.safetensors", data, "--device", "cpu", "--json", .. windows, "--blend", "cut"]).Output);
        Assert.That(json.RootElement.GetProperty("window").GetRawText().Replace(" ", "", StringComparison.Ordinal).ReplaceLineEndings(""), Is.EqualTo("""{"size":32,"overlap":8,"blend":"Cut"}"""));
    }

    [TestCase("--window 0: a window's side is 1 to 65536 pixels; it was 0.", "--window", "0")]
    [TestCase("--window 32: windows of 32 pixels overlap by 0 to 31; it was 32.", "--window", "32", "--overlap", "32")]
    [TestCase("--overlap would have no effect: without --window PIXELS an image is seen whole.", "--overlap", "8")]
    [TestCase("--scales is a list of scales such as 0.75,1,1.25; it was 1,,2.", "--scales", "1,,2")]
    [TestCase("--scales is a list of scales such as 0.75,1,1.25; it was big.", "--scales", "big")]
    [TestCase("--scales 0,1: a scale is from 0.1 to 8; one was 0.", "--scales", "0,1")]
    [TestCase("--scales 1,1.0: a scale is named once; 1 is there twice.", "--scales", "1,1.0")]
    public void WrongScalesAreRefused(string message, params string[] options)
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        Save(folder);
        foreach (string[] verb in (string[][])[["predict", "model.safetensors", "data/val/0.png"], ["eval", "model.safetensors", "data"], ["crf", "model.safetensors", "data/val/0.png"]])
        {
            DilatedProcess.AssertRefused(folder, [.. verb, .. options], message);
        }
    }

    [Test]
    public void SavedProbabilitiesHaveNoViews()
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        Directory.CreateDirectory(folder["saved"]);
        DilatedProcess.AssertRefused(folder, ["crf", "saved", "data/val/0.png", "--flip", "--scales", "1,2", "--window", "9"], "--flip, --scales, --window would have no effect");
    }

    private static DilatedProcess.Result Run(TemporaryFolder folder, params string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, arguments);
        Assert.That(result.ExitCode, Is.Zero, $"{string.Join(' ', arguments)}: {result.Error}{result.Output}");
        return result;
    }

    private static void Save(TemporaryFolder folder)
    {
        using SegmentationModel model = SegmentationModel.Create(
            Device.Cpu,
            new ModelConfig
            {
                Name = "test",
                FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 8, PoolAfter: true), new Stage(1, 8, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 8, FinalDeviation = 1 },
                InputScale = 1.0 / 64,
                MeanBgr = [80, 80, 80],
                ClassNames = ["ground", "square"],
            },
            3);
        ModelFile.Save(folder["model.safetensors"], model);
    }
}
