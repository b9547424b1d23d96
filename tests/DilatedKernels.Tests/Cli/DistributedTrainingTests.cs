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

    [Test]
    public void CheckpointAndLossesAreThoseOfOneProcess([Values(MpiJob.OpenMpi, MpiJob.Mpich)] string implementation, [Values(1, 2, 4)] int processes)
    {
        MpiJob job = MpiJob.Of(implementation);
        string data = SmallDataset.Create(_folder);
        string[] options = [.. SmallDataset.TinyTraining, "--accumulate", "5", "--steps", "3", "--validate-every", "2", "--device", "cpu"];
        DilatedProcess.Result one = DilatedProcess.Run(_folder.Path, ["train", data, "--run", _folder["one"], .. options]);
        Assert.That(one.ExitCode, Is.Zero, one.Error);
        DilatedProcess.Result shared = job.RunCommand(_folder.Path, processes, ["train", data, "--run", _folder["shared"], .. options, "--distributed"]);
        Assert.That(shared.ExitCode, Is.Zero, shared.Error);
        foreach (string file in (string[])["last.safetensors", "best.safetensors", "config.json"])
        {
            Assert.That(File.ReadAllBytes(_folder[$"shared/{file}"]).AsSpan().SequenceEqual(File.ReadAllBytes(_folder[$"one/{file}"])), file);
        }

        Assert.That(DistributedFaultTests.Rows(_folder["shared/metrics.csv"]), Is.EqualTo(DistributedFaultTests.Rows(_folder["one/metrics.csv"])));
        Assert.That(shared.Output.Split('\n').Count(line => line.StartsWith("steps ", StringComparison.Ordinal)), Is.EqualTo(1), shared.Output);
        Assert.That(shared.Output, Does.Contain("steps       3 of 3"));
        Assert.That(shared.Error, Does.Contain("step 3/3").And.Contain("slowest rank"));
        string ranks = string.Join(", ", Enumerable.Range(0, processes).Select(rank => $@"rank {rank} is PID \d+"));
        Assert.That(shared.Error, Does.Match($"^processes on {Environment.MachineName}: {ranks}\r?\n"));

        DilatedProcess.Result again = job.RunCommand(_folder.Path, processes, ["train", data, "--run", _folder["shared"], .. options, "--distributed"]);
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

    [Test]
    public void WhoForgetsToShareIsTold([Values(0, 1)] int rank)
    {
        DilatedProcess.Result result = DilatedProcess.Run(
            _folder.Path, new Dictionary<string, string> { ["PMI_SIZE"] = "2", ["PMI_RANK"] = $"{rank}" }, "train", SmallDataset.Create(_folder), "--run", _folder["run"], "--print-config");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Error.Contains("mpirun started 2 processes, and each does all of this by itself; to share it, give --distributed.", StringComparison.Ordinal), Is.EqualTo(rank == 0));
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
