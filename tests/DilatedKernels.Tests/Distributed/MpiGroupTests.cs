using System.Text.RegularExpressions;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Distributed;

[TestFixture(MpiJob.OpenMpi)]
[TestFixture(MpiJob.Mpich)]
[NonParallelizable]
public class MpiGroupTests(string implementation)
{
    private static readonly string Host = Regex.Escape(Environment.MachineName);

    [Test]
    public void KeepsTheContract([Values(1, 2, 3, 4)] int processes)
    {
        (int code, string output, string error) = MpiJob.Of(implementation).Run(processes, "contract");
        Assert.That(code, Is.Zero, error);
        foreach (string name in GroupContract.Cases)
        {
            Assert.That(output, Does.Contain($"{name}: kept"));
        }
    }

    [TestCase("throws", 0, "the disk is full")]
    [TestCase("throws", 2, "the disk is full")]
    [TestCase("throws-elsewhere", 1, "the disk is full")]
    [TestCase("exits", 1, "the process ends with exit code 0 and has not left the group")]
    [TestCase("leaves", 2, @"left the group after \d+ calls, and rank [01] has begun \d+")]
    [TestCase("stops", 0, @"gave no sign of life for \d+ s: it is stopped, its machine is down, or the network is cut")]
    [TestCase("stops", 2, @"gave no sign of life for \d+ s: it is stopped, its machine is down, or the network is cut")]
    [TestCase("hangs", 0, @"has begun \d+ calls and does not come to the next, for which rank [12] has waited \d+ s")]
    [TestCase("hangs", 1, @"has begun \d+ calls and does not come to the next, for which rank [02] has waited \d+ s")]
    [TestCase("hangs-before-leaving", 0, @"does not leave the group, which rank [12] left \d+ s ago")]
    [TestCase("hangs-before-leaving", 1, @"does not leave the group, which rank [02] left \d+ s ago")]
    public void AProcessThatGoesWrongEndsTheJobAndIsNamed(string action, int rank, string reason)
    {
        (int code, _, string error) = MpiJob.Of(implementation).With(MpiProcess.SilenceVariable, "6").With(MpiProcess.PatienceVariable, "6").Run(3, action, $"{rank}");
        Assert.That(code, Is.Not.Zero);
        Assert.That(Faults(error), Has.Length.EqualTo(1), error);
        Assert.That(Faults(error)[0], Does.Match($"^rank {rank} of 3 on host {Host}: {reason}$"));
    }

    [TestCase("computes-then-hangs", 0)]
    [TestCase("hangs-in-a-step", 1)]
    [TestCase("loops-in-a-step", 0)]
    [TestCase("hangs-at-its-work", 1)]
    public void AProcessThatHangsEndsTheJobLongBeforeItsPatience(string action, int rank)
    {
        (int code, _, string error) = MpiJob.Of(implementation).With(MpiProcess.StallVariable, "4").With(MpiProcess.PatienceVariable, "600").Run(2, action, $"{rank}");
        Assert.That(code, Is.Not.Zero);
        Assert.That(Faults(error), Has.Length.EqualTo(1), error);
        Assert.That(Faults(error)[0], Does.Match($@"^rank {rank} of 2 on host {Host}: hangs: it has begun \d+ calls, waits for none, and has done nothing for \d+ s$"));
    }

    [TestCase("computes-for-long")]
    [TestCase("writes-for-long")]
    public void AProcessThatGoesOnForLongIsNoFault(string action)
    {
        (int code, _, string error) = MpiJob.Of(implementation).With(MpiProcess.StallVariable, "4").Run(2, action, "0");
        Assert.That(code, Is.Zero, error);
    }

    [Test]
    public void DifferentCallsEndTheJob()
    {
        (int code, _, string error) = MpiJob.Of(implementation).Run(3, "calls-otherwise", "1");
        Assert.That(code, Is.Not.Zero);
        Assert.That(Faults(error), Has.Length.EqualTo(1), error);
        Assert.That(Faults(error)[0], Does.Match(@"^rank \d of 3 on host .*: made (Sum of 1 values|Barrier) as call \d+ where rank \d made (Sum of 1 values|Barrier) as call \d+; all processes must make the same calls in the same order$"));
    }

    [Test]
    public void SumsOfDifferentLengthEndTheJob([Values(0, 1)] int other)
    {
        (int code, _, string error) = MpiJob.Of(implementation).Run(3, "sums-otherwise", $"{other}");
        Assert.That(code, Is.Not.Zero);
        Assert.That(Faults(error), Has.Length.EqualTo(1), error);
        Assert.That(Faults(error)[0], Does.Match(@"^rank \d of 3 on host .*: made BeginSum of \d0000 values over 3 parts as call \d+ where rank \d made BeginSum of \d0000 values over 3 parts as call \d+; all processes must make the same calls in the same order$"));
    }

    [Test]
    public void AProcessThatIsKilledEndsTheJob()
    {
        (int code, _, string error) = MpiJob.Of(implementation).Run(3, "is-killed", "2");
        Assert.That(code, Is.Not.Zero);
        if (implementation == MpiJob.OpenMpi)
        {
            Assert.That(error, Does.Match($@"process rank 2 .*on node {Host} exited on signal 9"));
        }
    }

    [Test]
    public void AProcessThatNeverJoinsEndsTheJob([Values("never-joins", "stops-before-joining")] string action)
    {
        (int code, _, string error) = MpiJob.Of(implementation).With(MpiProcess.StartVariable, "5").Run(3, action, "1");
        Assert.That(code, Is.Not.Zero);

        // Open MPI's mpirun may be the first to notice.
        Assert.That(error, Does.Contain($"has not started within 5 s on host {Environment.MachineName}: one of the 3 processes has ended, is stopped or did not come").Or.Match(@"process rank 1 [^.]*exiting improperly"));
    }

    [Test]
    public void AProcessThatIsStoppedWhenAllHaveLeftEndsTheJob()
    {
        (_, _, string error) = MpiJob.Of(implementation).With(MpiProcess.SilenceVariable, "4").Run(3, "stops-at-the-end", "0");
        Assert.That(Faults(error), Has.Length.EqualTo(1), error);
        Assert.That(Faults(error)[0], Does.Match($"^rank 1 of 3 on host {Host}: MPI has not ended within 9 s, although all processes have left the group: one of them is stopped, or its machine is down$"));
    }

    [Test]
    public void AllMayPauseForLongerThanOneMayBeSilent()
    {
        (int code, _, string error) = MpiJob.Of(implementation).With(MpiProcess.SilenceVariable, "6").With(MpiProcess.PatienceVariable, "6").Run(3, "all-pause");
        Assert.That(code, Is.Zero, error);
    }

    [Test]
    public void SumsThatNobodyWaitsForAreFinishedBeforeTheEnd([Values(1, 2, 3)] int processes)
    {
        (int code, _, string error) = MpiJob.Of(implementation).Run(processes, "leaves-sums-open");
        Assert.That(code, Is.Zero, error);
    }

    [Test]
    public void NullReferencesAreStillNoticed() => Assert.That(MpiJob.Of(implementation).Run(2, "null", "1").ExitCode, Is.Zero);

    [Test]
    public void AMissingLibraryIsSaid()
    {
        (int code, _, string error) = MpiJob.Of(implementation).With("DILATEDKERNELS_LIBMPI", "libnowhere.so.1").Run(1, "contract");
        Assert.That(code, Is.EqualTo(MpiProcess.Unavailable), error);
        Assert.That(error, Does.Contain(
            $"No MPI library was found for {implementation}, whose mpirun started this process (tried libnowhere.so.1; DILATEDKERNELS_LIBMPI can name the file)."));
    }

    [Test]
    public void TheLibraryOfTheOtherImplementationIsRefused()
    {
        string other = implementation == MpiJob.Mpich ? MpiJob.OpenMpi : MpiJob.Mpich;
        _ = MpiJob.Of(other);
        string library = implementation == MpiJob.Mpich ? "libmpi.so.40" : "libmpich.so.12";
        (int code, _, string error) = MpiJob.Of(implementation).With("DILATEDKERNELS_LIBMPI", library).Run(2, "contract");
        Assert.That(code, Is.Not.Zero);
        Assert.That(error, Does.Match($@"mpirun of {implementation} started 2 processes, but {other} [\d.]+ \({library}\) finds 1: mpirun and the library do not belong together\."));
    }

    [Test]
    public void AProcessThatMpirunDidNotStartIsTold()
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.Result result = DilatedProcess.RunProgram(folder.Path, new Dictionary<string, string>(), "dotnet", typeof(MpiJob).Assembly.Location, MpiProcess.Verb, "contract");
        Assert.That(result.ExitCode, Is.EqualTo(MpiProcess.Unavailable), result.Error);
        Assert.That(result.Error.Trim(), Is.EqualTo("This process was not started by mpirun; start it as: mpirun -n N COMMAND, with N the number of processes."));
    }

    // The lines that name a process at fault.
    private static string[] Faults(string error) => [.. error.Split('\n').Select(line => Regex.Match(line, @"rank \d+ of \d+ on host .*").Value.Trim()).Where(line => line.Length > 0)];
}
