using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Segmentation.Training.TensorBoard;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>A run's rows in its three files: whole, in order, none twice after a resume.</summary>
public sealed class MetricsLogTests
{
    private TemporaryFolder _temporary = null!;
    private RunFolder _folder = null!;

    [SetUp]
    public void Create()
    {
        _temporary = new TemporaryFolder();
        _folder = RunFolder.Create(_temporary["run"], new TrainingConfig { Model = new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(3, 4) }, Data = "x" });
    }

    [TearDown]
    public void Delete()
    {
        _folder.Dispose();
        _temporary.Dispose();
    }

    [Test]
    public void AResumedRunDropsWhatIsPastItsCheckpoint()
    {
        Log(0, from: 1, to: 6);
        AssertSteps(1, 2, 3, 4, 5, 6);
        Log(4, from: 5, to: 8);
        AssertSteps(1, 2, 3, 4, 5, 6, 7, 8);
        Log(2, from: 3, to: 3);
        AssertSteps(1, 2, 3);
        Log(0, from: 1, to: 1);
        AssertSteps(1);
    }

    [TestCase("5,0.2", "{\"step\":5,\"lo")]
    [TestCase("4,1,1,1,", "{\"step\":4,\"loss\":1,\"learningRate\":1,\"imagesPerSecond\":1,\"time\":\"2026-01-01T00:00:00Z\",\"seconds\":1}")]
    [TestCase("x,,,,", "[]")]
    [TestCase("", "")]
    public void ARowThatIsTornOrThereTwiceIsDropped(string row, string line)
    {
        Log(0, from: 1, to: 4);
        File.AppendAllText(_folder.MetricsFile, row);
        File.AppendAllText(_folder.MetricsLinesFile, line);
        Log(5, from: 5, to: 6);
        AssertSteps(1, 2, 3, 4, 5, 6);
    }

    [Test]
    public void TheRowsSayWhatTheStepDid()
    {
        Log(0, from: 1, to: 3);
        string[] rows = File.ReadAllLines(_folder.MetricsFile);
        Assert.That(rows[0], Is.EqualTo("step,loss,learning_rate,images_per_second,mean_iou"));
        Assert.That(rows[3], Is.EqualTo("3,0.333333343,0.03,5.00,0.333333"));
        using var json = System.Text.Json.JsonDocument.Parse(File.ReadLines(_folder.MetricsLinesFile).Last());
        Assert.That(json.RootElement.GetProperty("loss").GetSingle(), Is.EqualTo(1f / 3));
        Assert.That(json.RootElement.GetProperty("meanIoU").GetDouble(), Is.EqualTo(1.0 / 3).Within(1e-12));
        Assert.That(json.RootElement.GetProperty("iou").EnumerateArray().Select(v => v.ToString()), Is.EqualTo(new[] { "0.6666666666666666", "0", "" }), "an absent class has none");
        EventReader.Event last = EventReader.ReadFolder(_folder.EventFolder)[^1];
        Assert.That(last.Scalars, Is.EqualTo(new Dictionary<string, float> { ["loss"] = 1f / 3, ["learning_rate"] = 0.03f, ["mean_iou"] = 1f / 3 }));
    }

    [Test]
    public void TheTimeGoesOnAfterAResumeAndLeavesOutTheBreak()
    {
        var clock = new Clock();
        using (MetricsLog log = MetricsLog.Open(_folder, 0, clock))
        {
            clock.Seconds += 10;
            log.Add(Progress(1));
            clock.Seconds += 10;
            log.Add(Progress(2));
        }

        clock.Seconds += 1000;
        using (MetricsLog log = MetricsLog.Open(_folder, 1, clock))
        {
            clock.Seconds += 7;
            log.Add(Progress(2));
        }

        Assert.That(File.ReadLines(_folder.MetricsLinesFile).Select(line => MetricsRow.Parse(line)!.Seconds), Is.EqualTo(new[] { 10.0, 17.0 }));
        Assert.That(EventReader.ReadFolder(_folder.EventFolder).Skip(1).Select(e => e.WallTime), Is.EqualTo(new[] { 10.0, 1027.0 }));
    }

    private void Log(long stepsDone, int from, int to)
    {
        using MetricsLog log = MetricsLog.Open(_folder, stepsDone);
        for (int step = from; step <= to; step++)
        {
            log.Add(Progress(step));
        }
    }

    private static TrainingProgress Progress(int step)
    {
        ConfusionMatrix? validation = step % 3 == 0 ? ConfusionMatrix.FromCounts(3, [2, 1, 0, 0, 0, 0, 0, 0, 0]) : null;
        return new TrainingProgress(step, 100, 1f / step, step / 100f, 5, TimeSpan.Zero, validation, false);
    }

    private void AssertSteps(params int[] steps)
    {
        Assert.That(File.ReadLines(_folder.MetricsFile).Skip(1).Select(row => int.Parse(row.Split(',')[0], System.Globalization.CultureInfo.InvariantCulture)), Is.EqualTo(steps));
        Assert.That(File.ReadLines(_folder.MetricsLinesFile).Select(line => (int)MetricsRow.Parse(line)!.Step), Is.EqualTo(steps));
        Assert.That(EventReader.ReadFolder(_folder.EventFolder).Skip(1).Select(e => (int)e.Step), Is.EqualTo(steps));
        Assert.That(Directory.EnumerateFiles(_folder.EventFolder).Count(), Is.EqualTo(1));
        Assert.That(Directory.EnumerateFiles(_folder.Path, "*.tmp", SearchOption.AllDirectories), Is.Empty);
    }

    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => (long)(Seconds * 1000);

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(Seconds);
    }
}
