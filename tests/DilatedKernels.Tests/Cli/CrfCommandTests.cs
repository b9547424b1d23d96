using System.Text.Json;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>The dense CRF through the command: on a checkpoint, on saved probabilities, in eval, and the search for its parameters.</summary>
public class CrfCommandTests
{
    [Test]
    public void EveryWayToRefineGivesTheSameMask()
    {
        using var folder = new TemporaryFolder();
        string data = Train(folder);
        string[] parameters = ["--crf", "densecrf-demo", "--crf-iterations", "3", "--crf-color-sigma", "9"];
        AssertRuns(folder, "predict", "run/last.safetensors", "data/val/0.png", "--out", "plain", "--save-probabilities");
        AssertRuns(folder, ["predict", "run/last.safetensors", "data/val/0.png", "--out", "a", "--save-probabilities", .. parameters]);
        AssertRuns(folder, ["crf", "run/last.safetensors", "data/val/0.png", "--out", "b", "--threads", "1", .. parameters]);
        AssertRuns(folder, ["crf", "plain", "data/val/0.png", "--out", "c", "--threads", "2", "--save-probabilities", .. parameters]);
        (ProbabilityMap plain, Palette? palette) = ProbabilityFile.Read(folder["plain/0.safetensors"]);
        Assert.That(palette, Is.EqualTo(new Palette([(0, 0, 0), (255, 255, 255)])));
        Assert.That(MaskFile.Read(folder["plain/0.png"]).Indices, Is.EqualTo(plain.ArgMax().Indices), "what is saved is what the mask was made from");
        DenseCrfConfig config = DenseCrfConfig.DenseCrfDemo with { Iterations = 3, ColorSigma = 9 };
        ProbabilityMap expected = new DenseCrf(config).Refine(ImageFile.Read(folder["data/val/0.png"]), plain);
        foreach (string way in (string[])["a", "b", "c"])
        {
            Assert.That(MaskFile.Read(folder[$"{way}/0.png"]).Indices, Is.EqualTo(expected.ArgMax().Indices), way);
            Assert.That(File.Exists(folder[$"{way}/0-overlay.png"]), way);
        }

        Assert.That(ProbabilityFile.Read(folder["a/0.safetensors"]).Map.Values, Is.EqualTo(expected.Values));
        Assert.That(File.ReadAllBytes(folder["c/0.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["a/0.safetensors"])));

        DilatedProcess.Result eval = AssertRuns(folder, ["eval", "run/last.safetensors", data, "--json", .. parameters]);
        using var json = JsonDocument.Parse(eval.Output);
        Assert.That(json.RootElement.GetProperty("crf").GetProperty("colorSigma").GetDouble(), Is.EqualTo(9));
        Assert.That(json.RootElement.GetProperty("confusion").EnumerateArray().SelectMany(row => row.EnumerateArray()).Sum(n => n.GetInt64()), Is.EqualTo(2 * SmallDataset.Size * SmallDataset.Size));
    }

    [Test]
    public void ASearchFindsParametersThatEvalTakes()
    {
        using var folder = new TemporaryFolder();
        string data = Train(folder);
        Save(folder, noisy: true);
        DilatedProcess.Result result = AssertRuns(
            folder, "crf", "saved", data, "--search", "--json", "--best", "best.json",
            "--crf-bilateral-weight", "0.01,5", "--crf-bilateral-sigma", "40", "--crf-color-sigma", "30", "--crf-spatial-weight", "0.01,3");
        using var json = JsonDocument.Parse(result.Output);
        JsonElement[] rows = [.. json.RootElement.GetProperty("results").EnumerateArray()];
        Assert.That(json.RootElement.GetProperty("images").GetInt32(), Is.EqualTo(2));
        Assert.That(rows, Has.Length.EqualTo(4));
        double[] scores = [.. rows.Select(row => row.GetProperty("meanIoU").GetDouble())];
        Assert.That(scores, Is.Ordered);
        Assert.That(scores[^1], Is.GreaterThan(json.RootElement.GetProperty("without").GetProperty("meanIoU").GetDouble() + 0.05), "the CRF takes the noise away");
        DenseCrfConfig best = DenseCrfConfig.FromJson(File.ReadAllText(folder["best.json"]));
        Assert.That(best, Is.EqualTo(DenseCrfConfig.FromJson(rows[^1].GetProperty("parameters").GetRawText())));
        Assert.That(best.BilateralWeight, Is.EqualTo(5));
        Assert.That(result.Error, Does.Contain("combination 8/8").And.Contain("--crf best.json"));

        AssertRuns(folder, "eval", "run/last.safetensors", data, "--crf", "best.json");
        DilatedProcess.Result table = AssertRuns(folder, "crf", "saved", data, "--search", "--best", "best.json", "--overwrite", "--images", "1", "--crf-color-sigma", "20,30", "--crf-bilateral-sigma", "9");
        string[] lines = table.Output.TrimEnd().Split('\n');
        Assert.That(lines, Has.Length.EqualTo(2 + 4), "a header, the score without, two weights by two deviations");
        Assert.That(lines[1], Does.Contain("without"));
    }

    [Test]
    public void AnInterruptedSearchKeepsWhatItHas()
    {
        using var folder = new TemporaryFolder();
        string data = Train(folder, validation: 300);
        using DilatedProcess process = DilatedProcess.Start(folder.Path, "crf", "run/last.safetensors", data, "--search", "--crf-spatial-weight", "1,2,3,4,5,6");
        process.WaitForProgress();
        Thread.Sleep(3000);
        process.SendInterrupt();
        DilatedProcess.Result result = process.Wait();
        Assert.That(result.ExitCode, Is.EqualTo(130), result.Error);
        Assert.That(result.Error, Does.Contain("interrupted"));
        if (result.Error.Contains("of 300 images", StringComparison.Ordinal))
        {
            Assert.That(result.Output, Does.Contain("without"));
            Assert.That(() => DenseCrfConfig.FromJson(File.ReadAllText(folder["crf.json"])), Throws.Nothing);
        }
        else
        {
            Assert.That(File.Exists(folder["crf.json"]), Is.False, "not one image was done");
        }
    }

    [Test]
    public void OneBadFileOfManyDoesNotStopTheOthers()
    {
        using var folder = new TemporaryFolder();
        Train(folder);
        Save(folder, noisy: false);
        File.WriteAllBytes(folder["saved/0.safetensors"], [1, 2, 3]);
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, "crf", "saved", "data/val/0.png", "data/val/1.png");
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Error, Does.Contain("0.safetensors").And.Contain("1 of 2"));
        Assert.That(File.Exists(folder["refined/1.png"]));
    }

    [Test]
    public void ASearchShowsItsTableWhereTheBestCannotBeWritten()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Save(folder, noisy: false);
        string[] one = ["--crf-bilateral-weight", "3", "--crf-bilateral-sigma", "9", "--crf-color-sigma", "5"];
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["crf", "saved", data, "--search", "--best", new string('x', 300), .. one]);
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Error, Does.Contain("cannot be written"));
        Assert.That(result.Output.TrimEnd().Split('\n'), Has.Length.EqualTo(3), "a header, the score without, the one candidate");
    }

    [Test]
    public void ASearchDoesNotTakeOneImagesProbabilitiesForAnothers()
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        Save(folder, noisy: false);
        foreach (string image in (string[])["a/0", "b/0"])
        {
            folder.Write($"voc/JPEGImages/{image}.png", File.ReadAllBytes(folder["data/val/0.png"]));
            folder.Write($"voc/SegmentationClass/{image}.png", File.ReadAllBytes(folder["data/valannot/0.png"]));
        }

        folder.Write("voc/ImageSets/Segmentation/val.txt", "a/0\nb/0\n");
        File.Copy(folder["data/dataset.json"], folder["voc/dataset.json"]);
        DilatedProcess.AssertRefused(folder, ["crf", "saved", "voc", "--search"], "have one name", "name the checkpoint instead");
    }

    [TestCase("there is no file \"nothing\"", "crf", "saved", "data/val/0.png", "--crf", "nothing")]
    [TestCase("wrong.json", "crf", "saved", "data/val/0.png", "--crf", "wrong.json")]
    [TestCase("ColorSigma is from 0.1 to 100000; it was 0.", "crf", "saved", "data/val/0.png", "--crf-color-sigma", "0")]
    [TestCase("takes one number", "crf", "saved", "data/val/0.png", "--crf-color-sigma", "3,4")]
    [TestCase("it was x", "crf", "saved", "data/val/0.png", "--crf-color-sigma", "x")]
    [TestCase("Iterations", "crf", "saved", "data/val/0.png", "--crf-iterations", "-1")]
    [TestCase("--json would have no effect", "crf", "saved", "data/val/0.png", "--json")]
    [TestCase("--tile would have no effect", "crf", "saved", "data/val/0.png", "--tile", "3")]
    [TestCase("--crf-color-sigma would have no effect", "predict", "run/last.safetensors", "data/val/0.png", "--crf-color-sigma", "3")]
    [TestCase("no file", "crf", "missing", "data/val/0.png")]
    [TestCase("2.safetensors", "crf", "saved", "data/train/2.png")]
    [TestCase("48×48", "crf", "saved", "small/0.png")]
    [TestCase("x 3, y 2", "crf", "broken", "data/val/0.png")]
    [TestCase("[2, 2]", "crf", "flat", "data/val/0.png")]
    [TestCase("one dataset folder", "crf", "saved", "data", "data", "--search")]
    [TestCase("--out would have no effect", "crf", "saved", "data", "--search", "--out", "x")]
    [TestCase("best.json exists already", "crf", "saved", "data", "--search", "--best", "best.json")]
    [TestCase("--best names a file", "crf", "saved", "data", "--search", "--best", "no/folder.json")]
    [TestCase("1 to 10000 combinations", "crf", "saved", "data", "--search", "--crf-color-sigma", "LONG", "--crf-bilateral-sigma", "LONG", "--crf-spatial-sigma", "LONG")]
    [TestCase("--images is 1 or more", "crf", "saved", "data", "--search", "--images", "0")]
    [TestCase("there is no split \"test\"", "crf", "saved", "data", "--search", "--split", "test")]
    public void WrongUsageIsRefused(string message, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        Save(folder, noisy: false);
        folder.Write("run/last.safetensors", "never opened");
        folder.Write("best.json", "mine");
        folder.Write("wrong.json", """{ "sigma": 3 }""");
        Directory.CreateDirectory(folder["small"]);
        PngWriter.Write(folder["small/0.png"], new RgbImage(20, 30));
        Directory.CreateDirectory(folder["broken"]);
        ProbabilityMap broken = Probabilities(0, noisy: false);
        broken.Values[2 * ((2 * SmallDataset.Size) + 3)] = float.NaN;
        ProbabilityFile.Write(folder["broken/0.safetensors"], broken, null);
        Directory.CreateDirectory(folder["flat"]);
        DilatedKernels.Serialization.SafetensorsWriter.Write(folder["flat/0.safetensors"], [("probabilities", [2, 2], new float[4])]);
        string[] given = [.. arguments.Select(a => a == "LONG" ? string.Join(',', Enumerable.Range(1, 30)) : a)];
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, given);
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error + result.Output);
        Assert.That(result.Error, Does.Contain(message).And.Not.Contain("   at "));
        Assert.That(File.ReadAllText(folder["best.json"]), Is.EqualTo("mine"));
        Assert.That(File.Exists(folder["crf.json"]), Is.False);
        Assert.That(Directory.Exists(folder["refined"]) && Directory.EnumerateFiles(folder["refined"]).Any(), Is.False, "nothing is written");
    }

    [TestCase("crf", "saved", "data/val/0.png")]
    [TestCase("crf", "saved", "data", "--search")]
    public void SavedProbabilitiesAreRefinedOnTheDeviceThatIsAskedFor(params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        Save(folder, noisy: false);
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, [.. arguments, "--device", "cuda:99"]);
        Assert.That(result.ExitCode, Is.EqualTo(3), result.Error + result.Output);
        Assert.That(result.Error, Does.Contain("--device cuda:99"));
    }

    private static string Train(TemporaryFolder folder, int validation = 2)
    {
        string data = SmallDataset.Create(folder, validation: validation);
        AssertRuns(folder, ["train", data, "--run", "run", .. SmallDataset.TinyTraining, "--steps", "1", "--val-split", "none"]);
        return data;
    }

    private static void Save(TemporaryFolder folder, bool noisy)
    {
        Directory.CreateDirectory(folder["saved"]);
        for (int i = 0; i < 2; i++)
        {
            ProbabilityFile.Write(folder[$"saved/{i}.safetensors"], Probabilities(i, noisy), null);
        }
    }

    /// <summary>What the validation images are, with a fifth of the pixels wrong where there is noise.</summary>
    private static ProbabilityMap Probabilities(int index, bool noisy)
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        byte[] truth = MaskFile.Read(folder[$"data/valannot/{index}.png"]).Indices;
        var random = new RandomSequence(3, "noise", (ulong)index);
        return new ProbabilityMap(SmallDataset.Size, SmallDataset.Size, 2, [.. truth.SelectMany(label =>
        {
            float square = (label == 1) != (noisy && random.NextInt32(5) == 0) ? 0.7f : 0.3f;
            return new[] { 1 - square, square };
        })]);
    }

    private static DilatedProcess.Result AssertRuns(TemporaryFolder folder, params string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, arguments);
        Assert.That(result.ExitCode, Is.Zero, $"{string.Join(' ', arguments)}: {result.Error}");
        return result;
    }
}
