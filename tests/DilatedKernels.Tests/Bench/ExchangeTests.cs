using System.Text.Json;
using DilatedKernels.Measuring;

namespace DilatedKernels.Tests.Bench;

/// <summary>What <c>bench --exchange</c> makes of its times.</summary>
internal sealed class ExchangeTests
{
    private static readonly MachineDescription Machine = new("A processor", 2, 512, null, ".NET", "an OS", "abc", "2026-01-02");

    [Test]
    public void AProcessSendsAllButItsOwnSliceTwice()
    {
        Assert.That(Row(1000, 2, 1).BytesSent, Is.EqualTo(4000));
        Assert.That(Row(1000, 4, 1).BytesSent, Is.EqualTo(6000));
        Assert.That(Row(1000, 1, 1).BytesSent, Is.Zero);
    }

    [Test]
    public void TheLineThroughTimesOnALineIsThatLine()
    {
        // 0.05 ms and 2000 MB/s.
        ExchangeFit fit = ExchangeFit.Of(new[] { 1, 1000, 1_000_000, 16_000_000 }.Select(values => Row(values, 2, 0.05 + (4.0 * values / 2e6))));
        Assert.That(fit.Latency, Is.EqualTo(0.05).Within(1e-9));
        Assert.That(fit.MegabytesPerSecond, Is.EqualTo(2000).Within(1e-6));
    }

    [Test]
    public void ShortTimesCountAsMuchAsLongOnes()
    {
        // A tenth more on the longest is ten thousand latencies.
        ExchangeFit fit = ExchangeFit.Of([Row(1, 2, 0.05), Row(10, 2, 0.05), Row(16_000_000, 2, 1.1 * 64e6 / 2e6)]);
        Assert.That(fit.Latency, Is.EqualTo(0.05).Within(1e-3));
    }

    [Test]
    public void TheReportHasEveryRowAndALineForEachNumberOfProcesses()
    {
        var report = new ExchangeReport("./build.sh bench --exchange", Machine, [Row(1, 2, 0.05, 0.07, 0.06), Row(1_000_000, 2, 2.05), Row(1, 1, 0.01), Row(1_000_000, 1, 1)]);
        string text = report.ToMarkdown();
        Assert.That(text, Does.Contain("| Open MPI 4.1.4 | 2 | 1 | 0.06000 | 0.05000 to 0.07000 |"));
        Assert.That(text, Does.Contain("| Open MPI 4.1.4 | 2 | 0.0"));
        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        Assert.That(json.RootElement.GetProperty("rows").GetArrayLength(), Is.EqualTo(4));
        Assert.That(json.RootElement.GetProperty("rows")[0].GetProperty("ms").GetArrayLength(), Is.EqualTo(3));
        Assert.That(json.RootElement.GetProperty("lines").GetArrayLength(), Is.EqualTo(1));
    }

    private static ExchangeRow Row(int values, int processes, params double[] times) => new("Open MPI 4.1.4", processes, values, times);
}
