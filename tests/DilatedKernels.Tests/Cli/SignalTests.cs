using System.Diagnostics;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>Ctrl-C and the signal to end, at other moments than between two steps.</summary>
public sealed class SignalTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    [Test]
    [Platform(Exclude = "Win", Reason = "There are no such signals.")]
    public void ASecondSignalChangesNothing([Values] bool interrupt)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        using DilatedProcess process = DilatedProcess.Start(
            folder.Path, ["train", data, "--run", "run", .. SmallDataset.TinyTraining, "--steps", "100000", "--val-split", "none"]);
        process.WaitForProgress();
        for (int i = 0; i < 5; i++)
        {
            process.Send(interrupt);
            Thread.Sleep(5);
        }

        DilatedProcess.Result result = process.Wait();
        Assert.That(result.ExitCode, Is.EqualTo(interrupt ? 130 : 143), result.Error);
        Assert.That(result.Output, Does.Contain("--resume"));
        Assert.That(result.Error, Does.Not.Contain("Exception"));
    }

    [TestCase("check-data", true)]
    [TestCase("train", false)]
    [TestCase("compare", true)]
    [Platform(Exclude = "Win", Reason = "There are no such signals.")]
    public void TheLookOverADatasetEndsAtOnce(string verb, bool interrupt)
    {
        using var folder = new TemporaryFolder();
        string data = LargeDataset(folder);
        string[] arguments = verb switch
        {
            "check-data" => ["check-data", data],
            "train" => ["train", data, "--run", "run", .. SmallDataset.TinyTraining],
            _ => ["compare", data, "--out", "run", "--width", "0.015625"],
        };
        using DilatedProcess process = DilatedProcess.Start(folder.Path, arguments);
        Thread.Sleep(TimeSpan.FromSeconds(2));
        Assume.That(process.HasExited, Is.False, "The dataset was looked over too fast.");
        process.Send(interrupt);
        long sent = Stopwatch.GetTimestamp();
        DilatedProcess.Result result = process.Wait();
        Assert.That(Stopwatch.GetElapsedTime(sent), Is.LessThan(Limit));
        Assert.That(result.ExitCode, Is.EqualTo(interrupt ? 130 : 143), result.Error);
        Assert.That(result.Output + result.Error, Does.Contain("nterrupted"));
        Assert.That(Directory.Exists(folder["run"]), Is.False, "nothing is written");
    }

    // One picture under many names takes longer to look over than anybody waits.
    private static string LargeDataset(TemporaryFolder folder)
    {
        const int size = 512;
        string data = SmallDataset.Create(folder, training: 1, validation: 1);
        byte[] noise = new byte[3 * size * size];
        new Random(1).NextBytes(noise);
        PngWriter.Write(Path.Combine(data, "train", "0.png"), new RgbImage(size, size, noise));
        MaskFile.Write(Path.Combine(data, "trainannot", "0.png"), new IndexMask(size, size, new byte[size * size]), new Palette([(0, 0, 0)]));
        for (int i = 1; i < 4_000; i++)
        {
            File.CreateSymbolicLink(Path.Combine(data, "train", $"{i}.png"), "0.png");
            File.CreateSymbolicLink(Path.Combine(data, "trainannot", $"{i}.png"), "0.png");
        }

        return data;
    }
}
