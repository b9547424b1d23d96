using DilatedKernels.Tests.Segmentation;
using DilatedKernels.Tests.Segmentation.Report;

namespace DilatedKernels.Tests.Cli;

/// <summary><c>dilated report</c> and the report that <c>dilated train</c> ends with.</summary>
public sealed class ReportCommandTests
{
    [Test]
    public void ATrainingLeavesAReportAndSeveralCanBeCompared()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        foreach (string run in (string[])["a", "b"])
        {
            DilatedProcess.Result train = DilatedProcess.Run(folder.Path, ["train", data, "--run", run, .. SmallDataset.TinyTraining, "--steps", "2", "--seed", run == "a" ? "1" : "2"]);
            Assert.That(train.ExitCode, Is.Zero, train.Error);
            Assert.That(train.Output, Does.Contain(Path.Combine(run, "report.html")));
            StrictHtml.Read(File.ReadAllText(folder[$"{run}/report.html"]));
        }

        byte[] before = File.ReadAllBytes(folder["a/report.html"]);
        File.Delete(folder["a/report.html"]);
        DilatedProcess.Result single = DilatedProcess.Run(folder.Path, "report", "a");
        Assert.That(single.ExitCode, Is.Zero, single.Error);
        Assert.That(single.Output.Trim(), Is.EqualTo(Path.Combine("a", "report.html")));
        Assert.That(File.ReadAllBytes(folder["a/report.html"]), Is.EqualTo(before), "the same as at the end of the training");

        DilatedProcess.Result both = DilatedProcess.Run(folder.Path, "report", "a", "b", "--output", "both.html");
        Assert.That(both.ExitCode, Is.Zero, both.Error);
        Assert.That(File.ReadAllText(folder["both.html"]), Does.Contain("2 runs compared"));
    }

    [Test]
    public void WhatCannotBeReportedIsRefused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("empty/notes.txt", "x");
        folder.Write("mine.html", "<p>mine</p>");
        ReportRun.Pretend(folder, "run", steps: 3, classes: 2, pictures: 1);
        DilatedProcess.AssertRefused(folder, ["report", "nowhere"], "nowhere holds no run");
        DilatedProcess.AssertRefused(folder, ["report", "empty"], "empty holds no run");
        DilatedProcess.AssertRefused(folder, ["report", "run", "run"], "--output compared.html");
        DilatedProcess.AssertRefused(folder, ["report", "run", "--output", "mine.html"], "mine.html exists and is no report");
        DilatedProcess.AssertRefused(folder, ["report", "run", "--output", "nowhere/page.html"], "nowhere", "folder does not exist");
        DilatedProcess.AssertRefused(folder, ["report", "run", "--output", "/dev/stdout"], "no file but a device");
        Assert.That(File.ReadAllText(folder["mine.html"]), Is.EqualTo("<p>mine</p>"));
    }
}
