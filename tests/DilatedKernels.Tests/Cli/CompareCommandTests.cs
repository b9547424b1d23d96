using System.Text.Json;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>Several systems side by side, through the command.</summary>
public class CompareCommandTests
{
    private static readonly string[] Options =
    [
        "--systems", "fcn-8s,front-end,front-end+basic", "--seeds", "2", "--width", "0.015625", "--steps", "2", "--batch", "1", "--crop", "396", "--padded-crop", "40",
        "--context-steps", "2", "--context-batch", "2", "--pictures", "2", "--crf", "deeplab", "--crf-iterations", "2", "--crf-rnn-steps", "1",
    ];

    [Test]
    public void TrainsScoresAndDraws()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["compare", data, "--out", "side", .. Options]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        string[] rows = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(2)];
        Assert.That(rows.Select(row => row.Split('|')[1].Trim()), Is.EqualTo(
            from system in (string[])["fcn-8s", "front-end", "front-end+basic"] from refinement in (string[])["", " + CRF", " + CRF-RNN"] select system + refinement));
        Assert.That(File.ReadAllText(folder["side/table.md"]), Does.EndWith(result.Output));

        using var json = JsonDocument.Parse(File.ReadAllText(folder["side/compare.json"]));
        Assert.That(json.RootElement.GetProperty("scores").GetArrayLength(), Is.EqualTo(18));
        // The context module stands on the front end of its own seed, which is trained once.
        Assert.That(Directory.GetDirectories(folder["side/runs"]).Select(Path.GetFileName), Is.EquivalentTo(
            from system in (string[])["fcn-8s", "front-end", "front-end+basic"] from ending in (string[])["", "+crf-rnn"] from seed in (int[])[1, 2] select $"{system}{ending}-seed{seed}"));
        using var contextRun = JsonDocument.Parse(File.ReadAllText(folder["side/runs/front-end+basic-seed1/config.json"]));
        Assert.That(Path.IsPathRooted(contextRun.RootElement.GetProperty("weights").GetString()!), "it goes on wherever it is called from");
        string[] pictures = Directory.GetFiles(folder["side/pictures"]);
        Assert.That(pictures, Has.Length.EqualTo(2));
        Assert.That(ImageFile.ReadSize(pictures[0]), Is.EqualTo(((11 * SmallDataset.Size) + (10 * 4), SmallDataset.Size)), "image, truth and nine masks");

        // The score is that of the run's last checkpoint.
        DilatedProcess.Result eval = DilatedProcess.Run(folder.Path, "eval", "side/runs/front-end+basic-seed2/last.safetensors", data, "--json");
        using var own = JsonDocument.Parse(eval.Output);
        JsonElement score = json.RootElement.GetProperty("scores").EnumerateArray().Single(
            s => s.GetProperty("system").GetString() == "front-end+basic" && s.GetProperty("seed").GetInt32() == 2 && s.GetProperty("refinement").GetString() == "None");
        Assert.That(score.GetProperty("meanIoU").GetDouble(), Is.EqualTo(own.RootElement.GetProperty("meanIoU").GetDouble()));

        string[] otherOptions = [.. Options];
        otherOptions[Array.IndexOf(otherOptions, "--steps") + 1] = "3";
        DilatedProcess.Result other = DilatedProcess.Run(folder.Path, ["compare", data, "--out", "side", .. otherOptions]);
        Assert.That(other.ExitCode, Is.EqualTo(2));
        Assert.That(other.Error, Does.Contain("holds a comparison with other options"));
    }

    [Test]
    public void AnInterruptedComparisonGoesOnToTheSameScores()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options = ["--systems", "front-end,front-end+basic", .. Options[2..]];
        Assert.That(DilatedProcess.Run(folder.Path, ["compare", data, "--out", "whole", .. options]).ExitCode, Is.Zero);
        using (DilatedProcess process = DilatedProcess.Start(folder.Path, ["compare", data, "--out", "broken", .. options]))
        {
            while (!process.HasExited && !Directory.Exists(folder["broken/scores"]))
            {
                Thread.Sleep(5);
            }

            process.SendInterrupt();
            DilatedProcess.Result broken = process.Wait();
            Assert.That(broken.ExitCode, Is.EqualTo(130), broken.Error);
            Assert.That(broken.Output, Does.Contain("The same command goes on"));
        }

        DilatedProcess.Result resumed = DilatedProcess.Run(folder.Path, ["compare", data, "--out", "broken", .. options]);
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(Scores("broken"), Is.EqualTo(Scores("whole")));

        string[] Scores(string run)
        {
            using var json = JsonDocument.Parse(File.ReadAllText(folder[$"{run}/compare.json"]));
            return [.. json.RootElement.GetProperty("scores").EnumerateArray().Select(score => $"{score.GetProperty("system")} {score.GetProperty("seed")} {score.GetProperty("refinement")} {score.GetProperty("meanIoU")}")];
        }
    }

    [TestCase("--systems", "fcn-8s+basic", "an FCN's scores are as fine as the image")]
    [TestCase("--crop", "400", "does not leave whole cells")]
    [TestCase("--seeds", "0", "--seeds from 1 to 1000")]
    [TestCase("--steps", "0", "The number of steps is 1 or more")]
    public void WrongOptionsAreRefusedBeforeAnythingIsWritten(string option, string value, string message)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options = [.. Options];
        options[Array.IndexOf(options, option) + 1] = value;
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["compare", data, "--out", "side", .. options]);
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Error, Does.Contain(message));
        Assert.That(Directory.Exists(folder["side"]), Is.False);
    }
}
