using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>Training through the command: results, resuming, reproducibility, interruption.</summary>
public class TrainCommandTests
{
    [Test]
    public void TrainsEvaluatesAndPredicts()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result train = Train(folder, data, "run", "--steps", "3");
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        Assert.That(train.Output, Does.Contain("mean IoU").And.Contain("3 of 3"));
        Assert.That(train.Error, Does.Contain("loss").And.Contain("images/s").And.Contain("left"));
        string[] rows = File.ReadAllLines(folder["run/metrics.csv"]);
        Assert.That(rows, Has.Length.EqualTo(4));
        Assert.That(rows[0], Is.EqualTo("step,loss,learning_rate,images_per_second,mean_iou"));
        Assert.That(rows[3], Does.StartWith("3,").And.Not.EndsWith(","), "the last step is validated");
        Assert.That(System.Xml.Linq.XDocument.Load(folder["run/curves.svg"]).Root!.Name.LocalName, Is.EqualTo("svg"));

        DilatedProcess.Result eval = DilatedProcess.Run(folder.Path, "eval", "run/best.safetensors", data, "--json");
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
        using var json = System.Text.Json.JsonDocument.Parse(eval.Output);
        Assert.That(json.RootElement.GetProperty("classes").GetArrayLength(), Is.EqualTo(2));
        long counted = json.RootElement.GetProperty("confusion").EnumerateArray().SelectMany(row => row.EnumerateArray()).Sum(n => n.GetInt64());
        Assert.That(counted, Is.EqualTo(2 * SmallDataset.Size * SmallDataset.Size));

        DilatedProcess.Result predict = DilatedProcess.Run(folder.Path, "predict", "run/last.safetensors", "data/val/0.png", "--out", "out");
        Assert.That(predict.ExitCode, Is.Zero, predict.Error);
        DilatedKernels.Segmentation.Imaging.IndexMask mask = DilatedKernels.Segmentation.Imaging.MaskFile.Read(folder["out/0.png"]);
        Assert.That((mask.Width, mask.Height), Is.EqualTo((SmallDataset.Size, SmallDataset.Size)));
        Assert.That(mask.Indices, Is.All.LessThan(2));
        Assert.That(File.Exists(folder["out/0-overlay.png"]));
    }

    [Test]
    public void OneSeedGivesTheSameBitsWithOneThreadAndTwo()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "one", "--steps", "4", "--threads", "1", "--val-split", "none");
        Train(folder, data, "two", "--steps", "4", "--threads", "2", "--val-split", "none");
        Train(folder, data, "other", "--steps", "4", "--threads", "2", "--val-split", "none", "--seed", "2");
        Assert.That(File.ReadAllBytes(folder["two/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["one/last.safetensors"])));
        Assert.That(Weights(folder["other/last.safetensors"]), Is.Not.EqualTo(Weights(folder["one/last.safetensors"])));
    }

    [TestCase("FrontEnd", "float32")]
    [TestCase("Joint", "float32")]
    [TestCase("Joint", "bfloat16", Description = "resumed without being told the precision again")]
    public void AnInterruptedRunResumesToTheSameBits(string recipe, string precision)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options = ["--steps", "100", "--recipe", recipe, "--precision", precision, "--val-split", "none", "--checkpoint-every", "7"];
        DilatedProcess.Result whole = Train(folder, data, "whole", options);
        Assert.That(whole.ExitCode, Is.Zero, whole.Error);

        using (DilatedProcess process = DilatedProcess.Start(
            folder.Path, ["train", data, "--run", "broken", .. SmallDataset.TinyTraining, .. options]))
        {
            while (!process.HasExited && !File.Exists(folder["broken/last.safetensors"]))
            {
                Thread.Sleep(5);
            }

            process.SendInterrupt();
            DilatedProcess.Result broken = process.Wait();
            Assert.That(broken.ExitCode, Is.EqualTo(130), broken.Error);
            Assert.That(broken.Output, Does.Contain("--resume"));
        }

        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "broken");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(File.ReadAllBytes(folder["broken/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["whole/last.safetensors"])));
        Assert.That(
            File.ReadLines(folder["broken/metrics.csv"]).Select(row => string.Join(',', row.Split(',')[..3])),
            Is.EqualTo(File.ReadLines(folder["whole/metrics.csv"]).Select(row => string.Join(',', row.Split(',')[..3]))));
    }

    [Test]
    public void TheOptionsOfTrainingAreInTheConfigurationAndResumed()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options =
        [
            "--steps", "6", "--schedule", "cosine", "--warm-up", "2", "--clip-norm", "0.5", "--accumulate", "2", "--loss", "Cross-Entropy+Dice", "--class-weights", "1,2.5",
            "--scale", "0.5:1.5", "--jitter", "0.2,0.3", "--validate-every", "2", "--early-stop", "2", "--checkpoint-every", "1",
        ];
        DilatedProcess.Result whole = Train(folder, data, "whole", options);
        Assert.That(whole.ExitCode, Is.Zero, whole.Error);
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllText(folder["whole/config.json"]));
        string[] found =
        [
            Text("optimizer", "schedule"), Text("optimizer", "warmUp"), Text("optimizer", "clipNorm"), Text("accumulate"), Text("loss", "kind"), Text("loss", "classWeights"),
            Text("augmentation", "leastScale"), Text("augmentation", "mostScale"), Text("augmentation", "jitter", "brightness"), Text("augmentation", "jitter", "contrast"), Text("earlyStop"),
        ];
        Assert.That(string.Concat(string.Join(' ', found).Where(c => !char.IsControl(c))), Is.EqualTo("Cosine 2 0.5 2 CrossEntropyAndDice [      1,      2.5    ] 0.5 1.5 0.2 0.3 2"));

        // As if it had been killed after the step before the last.
        long last = DilatedKernels.Segmentation.Training.Checkpoint.StepOf(folder["whole/last.safetensors"])!.Value;
        byte[] expected = File.ReadAllBytes(folder["whole/last.safetensors"]);
        File.Move(folder["whole/previous.safetensors"], folder["whole/last.safetensors"], overwrite: true);
        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "whole");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(resumed.Output, Does.Contain($"{last} of 6"));
        Assert.That(File.ReadAllBytes(folder["whole/last.safetensors"]), Is.EqualTo(expected));

        string Text(params string[] path) => path.Aggregate(config.RootElement, (element, name) => element.GetProperty(name)).ToString();
    }

    [Test]
    public void ARunThatGetsNoBetterSaysThatItEndedEarly()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        // A rate of next to nothing: no validation is better than the first.
        string[] idle = [.. SmallDataset.TinyTraining.Select(option => option == "0.01" ? "1e-12" : option)];
        DilatedProcess.Result train = DilatedProcess.Run(
            folder.Path, ["train", data, "--run", "run", .. idle, "--steps", "30", "--schedule", "constant", "--validate-every", "1", "--early-stop", "2"]);
        Assert.That(train.ExitCode, Is.Zero, train.Error);
        Assert.That(train.Output, Does.Contain("3 of 30").And.Contain("stopped     after 2 validations without a better mean IoU").And.Contain("best.safetensors"));
    }

    [TestCase("--scale takes two factors with a colon between, such as 0.5:2; it was 2.", "--scale", "2")]
    [TestCase("the smaller factor first; they were to be by 2 to 1.", "--scale", "2:1")]
    [TestCase("--jitter takes one to three numbers with commas between, such as 0.3 or 0.3,0.3,0.2 (brightness, contrast, saturation); it was 0.1,x.", "--jitter", "0.1,x")]
    [TestCase("The jitter of contrast (--jitter) is 0 to 1; it was 2.", "--jitter", "0,2")]
    [TestCase("--class-weights is none, median-frequency, or 2 numbers with commas between, one for each of ground, square; it was 1,2,3.", "--class-weights", "1,2,3")]
    [TestCase("class weights (--class-weights) are for cross-entropy and focal loss", "--class-weights", "1,2", "--loss", "dice")]
    [TestCase("--focal-gamma would have no effect: it belongs to --loss focal.", "--focal-gamma", "1")]
    [TestCase("'hinge'", "--loss", "hinge")]
    [TestCase("(--clip-norm) is above 0 and finite; it was 0.", "--clip-norm", "0")]
    [TestCase("(--accumulate); it was 0.", "--accumulate", "0")]
    [TestCase("no more than the run's 1000; it was 2000.", "--warm-up", "2000")]
    [TestCase("To stop early (--early-stop), the run must validate before its end (--validate-every).", "--early-stop", "3", "--validate-every", "0")]
    public void WhatCannotBeIsNamed(string message, params string[] options)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result train = Train(folder, data, "run", options);
        Assert.That(train.ExitCode, Is.EqualTo(2), train.Error);
        Assert.That(train.Error, Does.Contain(message));
        Assert.That(Directory.Exists(folder["run"]), Is.False);
    }

    [TestCase("Stored")]
    [TestCase("Live")]
    public void TheContextRecipeLeavesTheFrontEndAlone(string maps)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "front", "--steps", "2", "--val-split", "none");
        string[] crop = maps == "Live" ? ["--crop", "396"] : [];
        DilatedProcess.Result context = DilatedProcess.Run(
            folder.Path,
            ["train", data, "--run", "context", "--recipe", "Context", "--weights", "front/last.safetensors", "--score-maps", maps, "--steps", "3", "--batch", "2", .. crop]);
        Assert.That(context.ExitCode, Is.Zero, context.Error);
        Dictionary<string, float[]> before = Weights(folder["front/last.safetensors"]);
        Dictionary<string, float[]> after = Weights(folder["context/last.safetensors"]);
        foreach ((string name, float[] values) in before)
        {
            Assert.That(after[name], Is.EqualTo(values), name);
        }

        Assert.That(after.Keys.Except(before.Keys), Has.Some.Contains("context"));
        DilatedProcess.Result eval = DilatedProcess.Run(folder.Path, "eval", "context/last.safetensors", data);
        Assert.That(eval.ExitCode, Is.Zero, eval.Error);
    }

    [Test]
    public void AnInterruptionBeforeTheFirstStepKeepsTheRun()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder, training: 200);
        Train(folder, data, "front", "--steps", "1", "--val-split", "none");
        using (DilatedProcess process = DilatedProcess.Start(
            folder.Path, "train", data, "--run", "context", "--recipe", "context", "--weights", "front/last.safetensors", "--steps", "2", "--val-split", "none"))
        {
            while (!process.HasExited && !(Directory.Exists(folder["context/score-maps"]) && Directory.EnumerateFiles(folder["context/score-maps"]).Any()))
            {
                Thread.Sleep(5);
            }

            process.SendInterrupt();
            DilatedProcess.Result broken = process.Wait();
            Assert.That(broken.ExitCode, Is.EqualTo(130), broken.Error);
        }

        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "context");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(resumed.Output, Does.Contain("2 of 2"));
    }

    [Test]
    public void AnInterruptedValidationIsMadeUpFor()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder, validation: 300);
        using (DilatedProcess process = DilatedProcess.Start(
            folder.Path, ["train", data, "--run", "run", .. SmallDataset.TinyTraining, "--steps", "2", "--validate-every", "1"]))
        {
            // The first row of metrics comes after the first validation; then the second step is short and the second validation long.
            while (!process.HasExited && !(File.Exists(folder["run/metrics.csv"]) && File.ReadLines(folder["run/metrics.csv"]).Count() > 1))
            {
                Thread.Sleep(5);
            }

            Thread.Sleep(200);
            process.SendInterrupt();
            Assert.That(process.Wait().ExitCode, Is.EqualTo(130));
        }

        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "run");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        string[] rows = File.ReadAllLines(folder["run/metrics.csv"]);
        Assert.That(rows.Skip(1).Select(row => row.Split(',')[0]), Is.EqualTo(new[] { "1", "2" }));
        Assert.That(rows.Skip(1).Select(row => row.Split(',')[4]), Is.All.Not.Empty);
    }

    [Test]
    public void WithoutItsLastCheckpointARunSaysWhereItGoesOn()
    {
        using var folder = new TemporaryFolder();
        Train(folder, SmallDataset.Create(folder), "run", "--steps", "2", "--checkpoint-every", "1", "--val-split", "none");
        File.Delete(folder["run/last.safetensors"]);
        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "run");
        Assert.That(resumed.Error, Does.Contain("There is no last.safetensors in run: the run goes on from previous.safetensors, after step 1."));
        Assert.That(resumed.ExitCode, Is.Zero);
        File.Delete(folder["run/last.safetensors"]);
        File.Delete(folder["run/previous.safetensors"]);
        resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "run");
        Assert.That(resumed.Error, Does.Contain("There is no checkpoint in run: the run begins at step 1."));
        Assert.That(resumed.ExitCode, Is.Zero);
        Assert.That(DilatedProcess.Run(folder.Path, "train", "--resume", "run").Error, Does.Not.Contain("There is no"));
    }

    [Test]
    public void WithOtherImagesToValidateTheBestBeginsAnew()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "run", "--steps", "1", "--validate-every", "1");
        string config = File.ReadAllText(folder["run/config.json"]).Replace("\"steps\": 1,", "\"steps\": 2,", StringComparison.Ordinal);
        File.WriteAllText(folder["run/config.json"], config);
        File.Copy(folder["data/train/0.png"], folder["data/val/2.png"]);
        File.Copy(folder["data/trainannot/0.png"], folder["data/valannot/2.png"]);
        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, "train", "--resume", "run");
        Assert.That(resumed.Error, Does.Contain("The images of the split val are not those of before: the next validation counts as the best so far.").And.Contains("(best)"));
        Assert.That(resumed.ExitCode, Is.Zero);
    }

    [Test]
    public void JointTrainingKeepsTheContextModuleOfItsWeights()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "first", "--steps", "1", "--val-split", "none", "--recipe", "joint", "--context", "1,3,5");
        DilatedProcess.Result second = DilatedProcess.Run(
            folder.Path, "train", data, "--run", "second", "--recipe", "joint", "--weights", "first/last.safetensors", "--steps", "1", "--crop", "396", "--val-split", "none");
        Assert.That(second.ExitCode, Is.Zero, second.Error);
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllText(folder["second/config.json"]));
        System.Text.Json.JsonElement dilations = config.RootElement.GetProperty("model").GetProperty("context").GetProperty("dilations");
        Assert.That(dilations.EnumerateArray().Select(d => d.GetInt32()), Is.EqualTo(new[] { 1, 3, 5 }));
    }

    [Test]
    public void ARunGoesOnWhenItsDatasetHasMovedButNotWhenItHasChanged()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Train(folder, data, "run", "--steps", "1", "--val-split", "none");
        Directory.Move(data, folder["moved"]);
        Assert.That(DilatedProcess.Run(folder.Path, "train", "--resume", "run").ExitCode, Is.EqualTo(2));
        DilatedProcess.Result moved = DilatedProcess.Run(folder.Path, "train", "moved", "--resume", "run");
        Assert.That(moved.ExitCode, Is.Zero, moved.Error);
        File.Copy(folder["moved/train/0.png"], folder["moved/train/00.png"]);
        File.Copy(folder["moved/trainannot/0.png"], folder["moved/trainannot/00.png"]);
        DilatedProcess.Result changed = DilatedProcess.Run(folder.Path, "train", "moved", "--resume", "run");
        Assert.That(changed.ExitCode, Is.EqualTo(2));
        Assert.That(changed.Error, Does.Contain("4 images").And.Contain("5 images").And.Contain("--weights"));
    }

    [Test]
    public void FullResolutionLabelsTrainThroughTheUpsampling()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result result = Train(folder, data, "run", "--steps", "2", "--labels", "Full");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
    }

    [Test]
    public void ThePrecisionIsTheRunsOwn()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options = ["--steps", "2", "--val-split", "none"];
        Train(folder, data, "wide", options);
        DilatedProcess.Result narrow = Train(folder, data, "narrow", [.. options, "--precision", "bfloat16"]);
        Assert.That(narrow.ExitCode, Is.Zero, narrow.Error);
        using var config = System.Text.Json.JsonDocument.Parse(File.ReadAllText(folder["narrow/config.json"]));
        Assert.That(config.RootElement.GetProperty("precision").GetString(), Is.EqualTo("BFloat16"));
        Assert.That(Weights(folder["narrow/last.safetensors"]), Is.Not.EqualTo(Weights(folder["wide/last.safetensors"])), "rounded activations move the weights otherwise");

        DilatedProcess.Result refused = DilatedProcess.Run(folder.Path, "train", "--resume", "narrow", "--precision", "float32");
        Assert.That(refused.ExitCode, Is.EqualTo(2));
        Assert.That(refused.Error, Does.Contain("--precision would have no effect"));

        foreach (string precision in (string[])["float32", "bfloat16"])
        {
            DilatedProcess.Result eval = DilatedProcess.Run(folder.Path, "eval", "narrow/last.safetensors", data, "--precision", precision);
            Assert.That(eval.ExitCode, Is.Zero, eval.Error);
            DilatedProcess.Result predict = DilatedProcess.Run(
                folder.Path, "predict", "narrow/last.safetensors", "data/val/0.png", "--out", precision, "--precision", precision);
            Assert.That(predict.ExitCode, Is.Zero, predict.Error);
        }
    }

    private static DilatedProcess.Result Train(TemporaryFolder folder, string data, string run, params string[] options) =>
        DilatedProcess.Run(folder.Path, ["train", data, "--run", run, .. SmallDataset.TinyTraining, .. options]);

    private static Dictionary<string, float[]> Weights(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.Names.Where(name => !name.StartsWith("optimizer/", StringComparison.Ordinal)).ToDictionary(name => name, name => file.Read(name).Values);
    }
}
