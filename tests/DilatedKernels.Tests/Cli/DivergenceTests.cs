using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>What a run says and keeps when its numbers go wrong, or when the system ends it.</summary>
public class DivergenceTests
{
    private static readonly string[] Options = [.. SmallDataset.TinyTraining[..^2], "--val-split", "none", "--steps", "30"];

    [Test]
    public void ARunThatDivergesStopsAndKeepsAWholeCheckpoint([Values] bool detectAnomaly)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] look = detectAnomaly ? ["--detect-anomaly"] : [];
        DilatedProcess.Result result = DilatedProcess.Run(
            folder.Path, ["train", data, "--run", "run", .. Options, "--lr", "100000", "--checkpoint-every", "1", .. look]);
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Error, Does.Contain("Training stopped").And.Contain("the last checkpoint is intact").And.Contain("A lower learning rate"));
        Assert.That(result.Error, Does.Match("The result|The gradient|the parameter '"), "where it began");
        Assert.That(result.Error, Does.Contain("warning: The loss of step"));
        using SegmentationModel model = ModelFile.Load(folder["run/last.safetensors"], Device.Cpu);
        Assert.That(model.Parameters.All(parameter => parameter.Value.IsFinite()));
    }

    [Test]
    public void ATrainingDoesNotBeginWithWeightsThatAreNotFinite()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        Assert.That(DilatedProcess.Run(folder.Path, ["train", data, "--run", "run", .. Options[..^1], "1", "--lr", "0.01"]).ExitCode, Is.Zero);
        using (SegmentationModel model = ModelFile.Load(folder["run/last.safetensors"], Device.Cpu))
        {
            Parameter spoilt = model.Parameters[0];
            spoilt.Value.SetArray(Enumerable.Repeat(float.PositiveInfinity, (int)spoilt.Value.Shape.Count).ToArray());
            ModelFile.Save(folder["spoilt.safetensors"], model);
        }

        DilatedProcess.AssertRefused(
            folder, ["train", data, "--run", "next", .. Options[2..], "--lr", "0.01", "--weights", "spoilt.safetensors"], "spoilt.safetensors", "holds a number that is not finite");
        Assert.That(Directory.Exists(folder["next"]), Is.False);
        DilatedProcess.AssertRefused(folder, ["predict", "spoilt.safetensors", "data/val/0.png"], "holds a number that is not finite");
    }

    [Test]
    public void DetectingAnomaliesChangesNoBit()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options = [.. Options[..^1], "3", "--lr", "0.01"];
        Assert.That(DilatedProcess.Run(folder.Path, ["train", data, "--run", "plain", .. options]).ExitCode, Is.Zero);
        Assert.That(DilatedProcess.Run(folder.Path, ["train", data, "--run", "looking", .. options, "--detect-anomaly"]).ExitCode, Is.Zero);
        Assert.That(File.ReadAllBytes(folder["looking/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["plain/last.safetensors"])));
    }

    [Test]
    public void ATerminatedRunSavesAndSaysSo()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        using DilatedProcess process = DilatedProcess.Start(folder.Path, ["train", data, "--run", "run", .. Options[..^1], "100000", "--lr", "0.01"]);
        process.WaitForProgress();
        process.SendTermination();
        DilatedProcess.Result result = process.Wait();
        Assert.That(result.ExitCode, Is.EqualTo(143), result.Error);
        Assert.That(result.Output, Does.Contain("--resume"));
    }
}
