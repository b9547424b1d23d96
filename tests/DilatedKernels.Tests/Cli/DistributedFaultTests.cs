using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using DilatedKernels.Tests.Distributed;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>
/// A process of a shared training that is killed or stopped at any moment ends the whole job, and the run goes on, with any number of processes, to the bits
/// of one that nothing happened to. One that is slowed down changes nothing.
/// </summary>
[Platform("Linux")]
[NonParallelizable]
public class DistributedFaultTests
{
    private const int Processes = 3;
    private const string Mark = "DILATEDKERNELS_TEST_JOB";
    private static readonly TimeSpan Promise = TimeSpan.FromSeconds(30);

    private static readonly string[] Options = Of(steps: 60);

    private enum Fault
    {
        Kill,
        Stop,
        SlowDown,
    }

    [TestCase(MpiJob.OpenMpi)]
    [TestCase(MpiJob.Mpich)]
    [Explicit("Some minutes: ./build.sh test --filter \"Name~ARunThatFaultsEndedResumesFiftyTimes\"")]
    public void ARunThatFaultsEndedResumesFiftyTimes(string implementation) => Disturb(implementation, moments: 50);

    [Test]
    public void AKilledProcessIsNamedByItsRank([Values(MpiJob.OpenMpi, MpiJob.Mpich)] string implementation, [Values(0, 2)] int rank)
    {
        (DilatedProcess.Result result, string mark, int process) = Kill(implementation, mark => MpiJob.CommandOf(mark, rank)!.Value);
        Assert.That(Named(implementation, Fault.Kill, rank, result.Error), result.Error);
        Assert.That(result.Error, Does.Contain($"rank {rank} is PID {process}"));
        AssertNothingIsLeft(mark, result);
    }

    [Test]
    public void AProcessEndsWithWhoStartedIt([Values] bool isMpiruns)
    {
        (DilatedProcess.Result result, string mark, _) = Kill(MpiJob.Mpich, mark => isMpiruns ? StarterOf(MpiJob.ParentOf(mark, 1)!.Value) : MpiJob.ParentOf(mark, 1)!.Value);
        AssertNothingIsLeft(mark, result);
    }

    private static string[] Of(int steps) =>
        [.. SmallDataset.TinyTraining, "--accumulate", "3", "--steps", $"{steps}", "--checkpoint-every", "2", "--validate-every", "20", "--device", "cpu", "--threads", "1"];

    // Ends a process of a training that has begun.
    private static (DilatedProcess.Result Result, string Mark, int Process) Kill(string implementation, Func<string, int> process)
    {
        using var folder = new TemporaryFolder();
        string mark = $"{Guid.NewGuid()}";
        using DilatedProcess job = MpiJob.Of(implementation).With(Mark, mark)
            .StartCommand(folder.Path, Processes, ["train", SmallDataset.Create(folder), "--run", "run", .. Of(steps: 100_000), "--distributed"]);
        job.WaitForProgress();
        int struck = process($"{Mark}={mark}");
        DilatedProcess.KillAtOnce(struck);
        Assert.That(job.EndsWithin(Promise));
        DilatedProcess.Result result = job.Wait();
        Assert.That(result.ExitCode, Is.Not.Zero, result.Error);
        return (result, $"{Mark}={mark}", struck);
    }

    private static void AssertNothingIsLeft(string mark, DilatedProcess.Result result)
    {
        // MPICH's mpirun does not wait for processes that it has killed.
        int?[] Left() => [.. Enumerable.Range(0, Processes).Select(rank => MpiJob.ProcessOf(mark, rank))];
        _ = SpinWait.SpinUntil(() => Left().All(left => left is null), Promise);
        Assert.That(Left(), Is.All.Null, result.Error);
    }

    private static int StarterOf(int process) =>
        int.Parse(File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("PPid:", StringComparison.Ordinal))["PPid:".Length..], CultureInfo.InvariantCulture);

    private static void Disturb(string implementation, int moments)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result whole = DilatedProcess.Run(folder.Path, ["train", data, "--run", "whole", .. Options]);
        Assert.That(whole.ExitCode, Is.Zero, whole.Error);
        long begun = Stopwatch.GetTimestamp();
        DilatedProcess.Result shared = MpiJob.Of(implementation).RunCommand(folder.Path, Processes, ["train", data, "--run", "shared", .. Options, "--distributed"]);
        TimeSpan duration = Stopwatch.GetElapsedTime(begun);
        Assert.That(shared.ExitCode, Is.Zero, shared.Error);

        var random = new RandomSequence(1, "moments");
        var done = new int[3];
        TimeSpan slowest = default;
        for (int moment = 0; moment < moments; moment++)
        {
            var fault = (Fault)(moment % 3);
            int rank = (int)(random.NextDouble() * Processes);
            string name = $"run{moment}";
            string mark = $"{name}-{Guid.NewGuid()}";
            MpiJob job = MpiJob.Of(implementation).With(Mark, mark);
            using DilatedProcess process = job.StartCommand(folder.Path, Processes, ["train", data, "--run", name, .. Options, "--distributed"]);
            Thread.Sleep(duration * random.NextDouble());
            bool struck = Strike(process, fault, $"{Mark}={mark}", rank);
            long struckAt = Stopwatch.GetTimestamp();
            if (fault == Fault.Stop && !process.EndsWithin(Promise) && MpiJob.CommandOf($"{Mark}={mark}", rank) is { } last)
            {
                // One that has left MPI is mpirun's to wait for, and the last of the job.
                Assert.That(Left().Count(left => left is not null), Is.EqualTo(1), $"{fault} rank {rank} as number {moment}");
                DilatedProcess.SetStopped(last, stopped: false);
            }

            DilatedProcess.Result result = process.Wait();
            TimeSpan took = Stopwatch.GetElapsedTime(struckAt);
            string what = $"{fault} rank {rank} as number {moment}: {result.Error}";
            if (fault == Fault.SlowDown || !struck)
            {
                Assert.That(result.ExitCode, Is.Zero, what);
            }
            else if (result.ExitCode != 0)
            {
                // What ends in the last moments of a job, after its work, may be all right.
                Assert.That(took, Is.LessThan(Promise), what);
                slowest = took > slowest ? took : slowest;
                done[(int)fault]++;
                Assert.That(!struck || Named(implementation, fault, rank, result.Error), what);
            }

            // MPICH's mpirun does not wait for processes that it has killed.
            _ = SpinWait.SpinUntil(() => Left().All(left => left is null), took < Promise ? Promise - took : TimeSpan.Zero);
            Assert.That(Left(), Is.All.Null, $"left behind: {what}");
            Resume(implementation, folder, data, name, processes: 1 + (moment % Processes));
            foreach (string file in (string[])["last.safetensors", "best.safetensors"])
            {
                Assert.That(File.ReadAllBytes(folder[$"{name}/{file}"]).AsSpan().SequenceEqual(File.ReadAllBytes(folder[$"whole/{file}"])), $"{file} after {what}");
            }

            Assert.That(Rows(folder[$"{name}/metrics.csv"]), Is.EqualTo(Rows(folder["whole/metrics.csv"])), what);
            Directory.Delete(folder[name], recursive: true);

            int?[] Left() => [.. Enumerable.Range(0, Processes).Select(r => MpiJob.ProcessOf($"{Mark}={mark}", r))];
        }

        TestContext.Progress.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{implementation}: {done[0]} jobs ended by a kill, {done[1]} by a stop, the slowest after {slowest.TotalSeconds:F1} s."));
    }

    // Whether there was still a process to strike.
    private static bool Strike(DilatedProcess job, Fault fault, string mark, int rank)
    {
        int? process = null;
        while (process is null && !job.HasExited)
        {
            process = MpiJob.CommandOf(mark, rank);
        }

        if (process is not { } id)
        {
            return false;
        }

        switch (fault)
        {
            case Fault.Kill:
                DilatedProcess.KillAtOnce(id);
                break;
            case Fault.Stop:
                DilatedProcess.SetStopped(id, stopped: true);
                break;
            default:
                for (int i = 0; i < 5; i++)
                {
                    DilatedProcess.SetStopped(id, stopped: true);
                    Thread.Sleep(700);
                    DilatedProcess.SetStopped(id, stopped: false);
                    Thread.Sleep(300);
                }

                break;
        }

        return true;
    }

    private static bool Named(string implementation, Fault fault, int rank, string error) => (fault, implementation) switch
    {
        (Fault.Stop, _) => error.Contains(Line(rank), StringComparison.Ordinal)
            || error.Contains("has not started within", StringComparison.Ordinal)
            || error.Contains("MPI has not ended within", StringComparison.Ordinal),
        (_, MpiJob.OpenMpi) => error.Contains($"process rank {rank} ", StringComparison.Ordinal),
        _ => error.Contains($"{Line(rank)}signal 9 ended its process", StringComparison.Ordinal) && Regex.Count(error, "signal 9 ended its process") == 1,
    };

    private static string Line(int rank) => $"rank {rank} of {Processes} on host {Environment.MachineName}: ";

    private static void Resume(string implementation, TemporaryFolder folder, string data, string name, int processes)
    {
        bool begins = !File.Exists(folder[$"{name}/config.json"]);
        string[] arguments = begins ? ["train", data, "--run", name, .. Options] : ["train", "--resume", name, "--threads", "1"];
        DilatedProcess.Result result = processes == 1
            ? DilatedProcess.Run(folder.Path, arguments)
            : MpiJob.Of(implementation).RunCommand(folder.Path, processes, [.. arguments, "--distributed"]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
    }

    /// <summary>What a run's table says of its steps, but for their speed.</summary>
    internal static string[] Rows(string file) => [.. File.ReadLines(file).Select(row => string.Join(',', row.Split(',').Where((_, column) => column != 3)))];
}
