using System.Text.Json;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary><c>dilated bench</c>, as a person would start it.</summary>
[NonParallelizable]
internal sealed class BenchCommandTests
{
    [Test]
    public void MeasuresAGroupIntoTableJsonAndPlot()
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.Result result = DilatedProcess.Run(
            folder.Path, "bench", "--device", "cpu", "--threads", "1", "--filter", "^sweep-64-d[12]$", "--pass", "forward", "--seconds", "0", "--json", "out.json", "--plot", "out.svg");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Output, Does.Contain("sweep-64-d1").And.Contain("sweep-64-d2").And.Contain("over least dilation").And.Contain("1 thread,"));
        Assert.That(result.Error, Does.Contain("2/2"));
        Assert.That(File.ReadAllText(Path.Combine(folder.Path, "out.svg")), Does.Contain("<svg"));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.Path, "out.json")));
        Assert.That(json.RootElement.GetProperty("measurements").GetArrayLength(), Is.EqualTo(2));
        Assert.That(json.RootElement.GetProperty("threads").GetInt32(), Is.EqualTo(1));
    }

    [Test]
    public void CtrlCKeepsWhatWasDone()
    {
        using var folder = new TemporaryFolder();
        using DilatedProcess process = DilatedProcess.Start(folder.Path, "bench", "--group", "cpu", "--filter", "21-21", "--seconds", "1", "--json", "out.json");
        // Ten passes of a second and a half: a few are done after this, and not all.
        process.WaitForProgress();
        Thread.Sleep(TimeSpan.FromSeconds(7));
        process.SendInterrupt();
        DilatedProcess.Result result = process.Wait();
        Assert.That(result.ExitCode, Is.EqualTo(130), result.Error);
        Assert.That(result.Output, Does.Contain("cpu-21-21-d1"));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.Path, "out.json")));
        Assert.That(json.RootElement.GetProperty("complete").GetBoolean(), Is.False);
    }

    [TestCase("--group no-such", "the groups are cpu")]
    [TestCase("--filter no-such", "No shape has a name that matches 'no-such'")]
    [TestCase("--pass step", "None of these shapes has a pass 'step'")]
    [TestCase("--device cpu --precision bfloat16", "groups with some that are: gpu, ")]
    [TestCase("--seconds -1", "--seconds is from 0 to 3600")]
    [TestCase("--threads 0", "--threads is from 1 to 1024")]
    [TestCase("--plot out.pdf", "plots are drawn as SVG or PNG")]
    [TestCase("--json no-such-folder/out.json", "create it first")]
    public void RefusesWhatItCannotDo(string arguments, string reason)
    {
        using var folder = new TemporaryFolder();
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, ["bench", .. arguments.Split(' ')]);
        Assert.That(result.ExitCode, Is.EqualTo(2), result.Error);
        Assert.That(result.Error, Does.Contain(reason));
        Assert.That(result.Output, Is.Empty);
    }
}
