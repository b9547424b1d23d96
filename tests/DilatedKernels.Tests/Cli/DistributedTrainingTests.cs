using DilatedKernels.Tests.Distributed;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary><c>mpirun -n N dilated train --distributed</c>, under each MPI library.</summary>
[NonParallelizable]
public sealed class DistributedTrainingTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [TestCase(MpiJob.OpenMpi)]
    [TestCase(MpiJob.Mpich)]
    public void TheCheckpointIsThatOfOneProcess(string implementation)
    {
        MpiJob job = MpiJob.Of(implementation);
        string data = SmallDataset.Create(_folder);
        string[] options = [.. SmallDataset.TinyTraining, "--accumulate", "3", "--steps", "3", "--validate-every", "2", "--device", "cpu"];
        DilatedProcess.Result one = DilatedProcess.Run(_folder.Path, ["train", data, "--run", _folder["one"], .. options]);
        Assert.That(one.ExitCode, Is.Zero, one.Error);
        DilatedProcess.Result two = job.RunCommand(_folder.Path, 2, ["train", data, "--run", _folder["two"], .. options, "--distributed"]);
        Assert.That(two.ExitCode, Is.Zero, two.Error);
        foreach (string file in (string[])["last.safetensors", "best.safetensors", "config.json"])
        {
            Assert.That(File.ReadAllBytes(_folder[$"two/{file}"]).AsSpan().SequenceEqual(File.ReadAllBytes(_folder[$"one/{file}"])), file);
        }

        Assert.That(two.Output.Split('\n').Count(line => line.StartsWith("steps ", StringComparison.Ordinal)), Is.EqualTo(1), two.Output);
        Assert.That(two.Output, Does.Contain("steps       3 of 3"));
        Assert.That(two.Error, Does.Contain("step 3/3").And.Contain("slowest rank"));

        DilatedProcess.Result again = job.RunCommand(_folder.Path, 2, ["train", data, "--run", _folder["two"], .. options, "--distributed"]);
        Assert.That(again.ExitCode, Is.EqualTo(2), again.Error);
        Assert.That(again.Error.Split('\n').Count(line => line.Contains("holds a run already", StringComparison.Ordinal)), Is.EqualTo(1), again.Error);
    }

    [Test]
    public void WithoutMpirunItSaysHowToStartIt()
    {
        string data = SmallDataset.Create(_folder);
        DilatedProcess.Result result = DilatedProcess.Run(_folder.Path, ["train", data, "--run", _folder["run"], .. SmallDataset.TinyTraining, "--distributed"]);
        Assert.That(result.ExitCode, Is.EqualTo(3), result.Error);
        Assert.That(result.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(result.Error, Does.Contain("This process was not started by mpirun"));
        Assert.That(Directory.Exists(_folder["run"]), Is.False);
    }

    [TestCase("soon")]
    [TestCase("0")]
    public void HowLongTheStartMayTakeIsANumberOfSeconds(string text)
    {
        DilatedProcess.Result result = DilatedProcess.Run(
            _folder.Path, new Dictionary<string, string> { ["DILATEDKERNELS_MPI_START"] = text }, "train", SmallDataset.Create(_folder), "--run", _folder["run"], "--distributed");
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Error, Does.Contain($"DILATEDKERNELS_MPI_START is how long MPI may take to start, from 1 to 86400 seconds; it was '{text}'."));
    }
}
