using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Training;

public class RunFolderTests
{
    private static TrainingConfig Config => new() { Model = new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(3, 4) }, Data = "x" };

    [TestCase("null")]
    [TestCase("{}")]
    [TestCase("")]
    public void AFolderThatCannotBeOpenedIsLeftFree(string config)
    {
        using var folder = new TemporaryFolder();
        folder.Write("config.json", config);
        for (int attempt = 0; attempt < 2; attempt++)
        {
            Assert.That(() => RunFolder.Open(folder.Path, out _), Throws.TypeOf<UserInputException>().With.Message.Contains("is not a run's configuration"));
        }
    }

    [Test]
    public void ARunIsContinuedAsItsMessageSays()
    {
        using var folder = new TemporaryFolder();
        string run = folder["my run"];
        RunFolder.Create(run, Config).Dispose();
        Assert.That(() => RunFolder.Create(run, Config), Throws.TypeOf<UserInputException>().With.Message.Contains(Suggestion.Of("train", "--resume", run)));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Links need a privilege there.")]
    public void OnlyItsOwnTemporariesAreRemoved()
    {
        using var folder = new TemporaryFolder();
        RunFolder.Create(folder["run"], Config).Dispose();
        string[] own = ["last.safetensors.new.0a.tmp", "best.safetensors.0b.tmp", "metrics.csv.tmp", "score-maps/000001-mirrored.safetensors.0c.tmp"];
        string[] others = ["notes.tmp", "other/last.safetensors.0d.tmp", "score-maps/notes.tmp"];
        foreach (string name in own.Concat(others))
        {
            folder.Write($"run/{name}", "x");
        }

        folder.Write("elsewhere/precious.tmp", "x");
        Directory.CreateSymbolicLink(folder["run/link"], folder["elsewhere"]);
        RunFolder.Open(folder["run"], out _).Dispose();
        Assert.That(own.Where(name => File.Exists(folder[$"run/{name}"])), Is.Empty);
        Assert.That(others.Append("link/precious.tmp").Where(name => !File.Exists(folder[$"run/{name}"])), Is.Empty);
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Pipes are no files there.")]
    public void APipeInPlaceOfTheConfigurationIsRefused()
    {
        using var folder = new TemporaryFolder();
        using var pipe = new NamedPipe(folder["config.json"]);
        Assert.That(() => RunFolder.Open(folder.Path, out _), Throws.TypeOf<UserInputException>().With.Message.Contains("a pipe or a device"));
    }

    [Test]
    public void ARunHasItsFolderForItself()
    {
        using var folder = new TemporaryFolder();
        using (RunFolder first = RunFolder.Create(folder["run"], Config))
        {
            Assert.That(() => RunFolder.Open(folder["run"], out _), Throws.TypeOf<UserInputException>().With.Message.Contains("Another process"));
        }

        RunFolder.Open(folder["run"], out _).Dispose();
    }
}
