using System.Globalization;
using System.Text.RegularExpressions;
using DilatedKernels.Measuring;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Distributed;

/// <summary>Jobs whose processes run on hosts of their own, with limited links between them.</summary>
[TestFixture(MpiJob.OpenMpi)]
[TestFixture(MpiJob.Mpich)]
[Platform("Linux")]
[NonParallelizable]
internal sealed class LinkedMpiTests(string implementation)
{
    private static readonly Link Slow = new(100, TimeSpan.FromMilliseconds(5));

    [SetUp]
    public void RequireLinks() => BuildPart.SkipUnlessLinks();

    [Test]
    public void ASumTakesNoLessThanItsBytesAndTheDelaysOfItsTwoHalves()
    {
        const int Values = 250_000;
        using var hosts = new LinkedHosts(2, Slow);
        (int code, string output, string error) = MpiJob.Of(implementation).On(hosts).Run(2, "sums", $"{Values}");
        Assert.That(code, Is.Zero, error);
        double[] times = [.. Regex.Matches(output, @"summed in (\S+) ms").Select(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];
        Assert.That(times, Has.Length.EqualTo(3), output);
        double least = (1000 * Slow.SecondsOf(ScalingModel.BytesSent(Values, 2))) + (2 * Slow.Delay.TotalMilliseconds);
        Assert.That(times, Is.All.GreaterThanOrEqualTo(least));
    }

    [Test]
    public void ATrainingIsThatOfOneProcess()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] options = [.. SmallDataset.TinyTraining, "--accumulate", "3", "--steps", "3", "--validate-every", "2", "--device", "cpu", "--threads", "1"];
        DilatedProcess.Result one = DilatedProcess.Run(folder.Path, ["train", data, "--run", folder["one"], .. options]);
        Assert.That(one.ExitCode, Is.Zero, one.Error);
        using var hosts = new LinkedHosts(2, Slow);
        DilatedProcess.Result two = MpiJob.Of(implementation).On(hosts).RunCommand(folder.Path, 2, ["train", data, "--run", folder["two"], .. options, "--distributed"]);
        Assert.That(two.ExitCode, Is.Zero, two.Error);
        foreach (string file in (string[])["last.safetensors", "best.safetensors", "config.json"])
        {
            Assert.That(File.ReadAllBytes(folder[$"two/{file}"]).AsSpan().SequenceEqual(File.ReadAllBytes(folder[$"one/{file}"])), file);
        }
    }

    [Test]
    public void AHostThatIsCutOffEndsAllProcessesAndIsNamed()
    {
        const string Mark = "DILATEDKERNELS_TEST_JOB";
        string mark = Guid.NewGuid().ToString();
        using var folder = new TemporaryFolder();
        DilatedProcess job;
        using (var hosts = new LinkedHosts(2, Slow))
        {
            job = MpiJob.Of(implementation).On(hosts).With(MpiProcess.SilenceVariable, "4").With(Mark, mark).Start(folder.Path, 2, "barriers");
            job.WaitForProgress();
            Assert.That(Left(), Is.EqualTo(2));
            hosts.Cut(1);
            Assert.That(Left, Is.Zero.After(30_000, 200));

            // Open MPI's mpirun waits for its daemon on the lost host. It ends with the hosts.
            Assert.That(implementation == MpiJob.OpenMpi || job.EndsWithin(TimeSpan.FromSeconds(30)), Is.True, "mpirun has not ended");
        }

        using (job)
        {
            DilatedProcess.Result result = job.Wait();
            Assert.That(result.ExitCode, Is.Not.Zero);
            Assert.That(result.Error, Does.Match(@"rank 1 of 2 on host node1: gave no sign of life for \d+ s: it is stopped, its machine is down, or the network is cut"));
        }

        int Left() => Enumerable.Range(0, 2).Count(rank => MpiJob.ProcessOf($"{Mark}={mark}", rank) is not null);
    }

    // The options of docs/distributed.md, here as variables; sooner than this library's own silence, for what mpirun then tells its daemon would have to be acknowledged.
    [Test]
    public void OpenMpisOwnMpirunEndsWhereItLooksAfterItsHosts()
    {
        Assume.That(implementation, Is.EqualTo(MpiJob.OpenMpi));
        using var folder = new TemporaryFolder();
        using var hosts = new LinkedHosts(2, Slow);
        using DilatedProcess job = MpiJob.Of(implementation).On(hosts)
            .With("OMPI_MCA_oob_tcp_keepalive_time", "4").With("OMPI_MCA_oob_tcp_keepalive_intvl", "2").With("OMPI_MCA_oob_tcp_keepalive_probes", "3")
            .Start(folder.Path, 2, "barriers");
        job.WaitForProgress();
        hosts.Cut(1);
        Assert.That(job.EndsWithin(TimeSpan.FromSeconds(30)), Is.True, "mpirun has not ended");
        DilatedProcess.Result result = job.Wait();
        Assert.That(result.ExitCode, Is.Not.Zero);
        Assert.That(result.Error, Does.Match("lost communication with a remote daemon[^$]*node1"));
    }
}
