using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Bench;

/// <summary>The benchmark program as a person interrupts it.</summary>
[NonParallelizable]
public sealed class BenchInterruptTests
{
    [Test]
    [Platform(Exclude = "Win", Reason = "signals")]
    public void ManyInterruptsEndItAsOneDoes()
    {
        using var folder = new TemporaryFolder();
        using DilatedProcess process = DilatedProcess.StartProgram(
            folder.Path, new Dictionary<string, string>(), [.. Program(), "--crf", "--runs", "1", "--results", folder["results"]]);
        process.WaitForProgress();
        for (int i = 0; i < 50 && !process.HasExited; i++)
        {
            process.Send(interrupt: true);
            Thread.Sleep(1);
        }

        DilatedProcess.Result ended = process.Wait();
        Assert.That(ended.ExitCode, Is.EqualTo(130), ended.Error);
        Assert.That(ended.Error, Does.Contain($"interrupted.{Environment.NewLine}").And.Not.Contain("Exception"));
        Assert.That(Directory.Exists(folder["results"]), Is.False);
    }

    // In the GPU bundle all programs lie in one folder, with a runtime; in the tree each project has its own.
    private static string[] Program()
    {
        const string name = "DilatedKernels.Bench";
        string here = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
        return File.Exists(Path.Combine(here, "libcoreclr.so")) ? [Path.Combine(here, name)] : ["dotnet", Path.Combine(here, "..", "..", name, Path.GetFileName(here), $"{name}.dll")];
    }
}
