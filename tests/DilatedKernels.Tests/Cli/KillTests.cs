using System.Diagnostics;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>A training process that is killed at any moment, also while it writes a checkpoint, goes on to the bits of one that was never killed.</summary>
public class KillTests
{
    private static readonly string[] Options =
        [.. SmallDataset.TinyTraining, "--steps", "60", "--checkpoint-every", "2", "--validate-every", "20", "--threads", "1"];

    [Test]
    public void AKilledRunResumesToTheSameBits() => Kill(moments: 5);

    [Test]
    [Explicit("Some minutes: ./build.sh test --filter \"Name=AKilledRunResumesToTheSameBitsTwoHundredTimes\"")]
    public void AKilledRunResumesToTheSameBitsTwoHundredTimes() => Kill(moments: 200);

    private static void Kill(int moments)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        long begun = Stopwatch.GetTimestamp();
        DilatedProcess.Result whole = DilatedProcess.Run(folder.Path, ["train", data, "--run", "whole", .. Options]);
        TimeSpan duration = Stopwatch.GetElapsedTime(begun);
        Assert.That(whole.ExitCode, Is.Zero, whole.Error);
        byte[] last = File.ReadAllBytes(folder["whole/last.safetensors"]);
        byte[] best = File.ReadAllBytes(folder["whole/best.safetensors"]);

        var random = new RandomSequence(1, "moments");
        int kills = 0;
        int inCheckpoints = 0;
        for (int run = 0; kills < moments; run++)
        {
            string name = $"broken{run}";
            // Enough to kill a run a few times; the last attempt ends by itself.
            for (int attempt = 0; ; attempt++)
            {
                bool begins = !File.Exists(folder[$"{name}/config.json"]);
                string[] arguments = begins ? ["train", data, "--run", name, .. Options] : ["train", "--resume", name];
                using DilatedProcess process = DilatedProcess.Start(folder.Path, arguments);
                bool kill = kills < moments && attempt < 8;
                if (kill)
                {
                    WaitForAMoment(process, folder[name], duration * random.NextDouble(), whileWriting: kills % 2 == 1);
                    process.KillAtOnce();
                }

                DilatedProcess.Result result = process.Wait();
                if (result.ExitCode == 0)
                {
                    break;
                }

                Assert.That(kill, Is.True, result.Error);
                Assert.That(result.ExitCode, Is.EqualTo(128 + 9), result.Error);
                kills++;
                inCheckpoints += Directory.Exists(folder[name]) && Directory.EnumerateFiles(folder[name], "*.tmp").Any() ? 1 : 0;
            }

            Assert.That(File.ReadAllBytes(folder[$"{name}/last.safetensors"]), Is.EqualTo(last), $"run {run}");
            Assert.That(File.ReadAllBytes(folder[$"{name}/best.safetensors"]), Is.EqualTo(best), $"run {run}");
            Assert.That(Rows(name), Is.EqualTo(Rows("whole")), $"run {run}");
            Assert.That(Directory.EnumerateFiles(folder[name], "*.tmp"), Is.Empty, $"run {run}");
        }

        TestContext.Progress.WriteLine($"{kills} kills, {inCheckpoints} of them while a file was written.");

        static void WaitForAMoment(DilatedProcess process, string run, TimeSpan moment, bool whileWriting)
        {
            Thread.Sleep(moment);
            while (whileWriting && !process.HasExited && !(Directory.Exists(run) && Directory.EnumerateFiles(run, "*.tmp").Any()))
            {
                Thread.Yield();
            }
        }

        IEnumerable<string> Rows(string name) =>
            File.ReadLines(folder[$"{name}/metrics.csv"]).Select(row => string.Join(',', row.Split(',').Where((_, column) => column != 3)));
    }
}
