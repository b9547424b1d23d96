using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Tests.Segmentation.Training;

public class RunFolderTests
{
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
    public void ARunHasItsFolderForItself()
    {
        using var folder = new TemporaryFolder();
        var config = new TrainingConfig { Model = new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(3, 4) }, Data = "x" };
        using (RunFolder first = RunFolder.Create(folder["run"], config))
        {
            Assert.That(() => RunFolder.Open(folder["run"], out _), Throws.TypeOf<UserInputException>().With.Message.Contains("Another process"));
        }

        RunFolder.Open(folder["run"], out _).Dispose();
    }
}
