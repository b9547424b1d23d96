using DilatedKernels.Measuring;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Bench;

/// <summary>What the model says of steps that processes share.</summary>
internal sealed class ScalingTests
{
    // 1000 bytes a millisecond, 2 ms for few values, 5 ms for many.
    private static readonly LinkCost Cost = new(2, new ExchangeFit(5, 1));

    // Of 100 ms, two sums in which each of two processes sends 80,000 bytes.
    private static readonly StepProfile Alone = new(100, [(20, 20_000), (90, 20_000)], 90);

    [Test]
    public void OneProcessWaitsForNobody() => Assert.That(ScalingModel.Predict(Alone, Cost, 1), Is.EqualTo(new StepTime(100, 0)));

    [Test]
    public void WithoutOverlapAllBytesComeBehindThePasses()
    {
        // Counts 2, bytes 160, latency 5.
        Assert.That(ScalingModel.Predict(Alone, Cost, 2, overlaps: false), Is.EqualTo(new StepTime(267, 167)).Using<StepTime>(Close));
    }

    [Test]
    public void WithOverlapTheLinkBeginsWithTheFirstSum()
    {
        // Busy from 20 to 180; then the latency; 90 were computed.
        Assert.That(ScalingModel.Predict(Alone, Cost, 2), Is.EqualTo(new StepTime(197, 97)).Using<StepTime>(Close));
    }

    [Test]
    public void ASumThatIsDoneBeforeTheNextBeginsCostsNothing()
    {
        StepProfile alone = Alone with { Sums = [(0, 10_000), (50, 10_000)], Computed = 100 };

        // Busy from 50 to 90 and done at 95; what is left are the counts at the begin and the losses at the end.
        Assert.That(ScalingModel.Predict(alone, Cost, 2), Is.EqualTo(new StepTime(104, 4)).Using<StepTime>(Close));
    }

    [Test]
    public void MoreProcessesSendMoreUpToTwiceTheValues()
    {
        Assert.That(ScalingModel.BytesSent(1000, 2), Is.EqualTo(4000));
        Assert.That(ScalingModel.BytesSent(1000, 64), Is.EqualTo(8000 * 63 / 64.0));
        double[] waited = [.. new[] { 2, 4, 8, 64 }.Select(processes => ScalingModel.Predict(Alone, Cost, processes).Waited)];
        Assert.That(waited, Is.Ordered.Ascending);
        Assert.That(waited[^1], Is.LessThan(2 + 20 + 320 + 5 - 90));
    }

    [Test]
    public void ACostIsThatOfItsSums()
    {
        LinkCost cost = LinkCost.Of([Row(1, 2), Row(100_000, 5 + 400), Row(1_000_000, 5 + 4000)]);
        Assert.That(cost.Short, Is.EqualTo(2));
        Assert.That(cost.Line.Latency, Is.EqualTo(5).Within(1e-9));
        Assert.That(cost.Line.MegabytesPerSecond, Is.EqualTo(1).Within(1e-9));
    }

    [Test]
    public void ALinkAddsItsDelaysAndLimitsTheBytes()
    {
        Assert.That(Cost.Over(new Link(4, TimeSpan.FromMilliseconds(10))), Is.EqualTo(new LinkCost(22, new ExchangeFit(25, 0.5))));
        Assert.That(Cost.Over(new Link(1e6, TimeSpan.Zero)), Is.EqualTo(Cost));
    }

    [Test]
    public void ANetworksSumsAreThoseOfItsLayersFromTheLast()
    {
        var network = ModelSummary.Of(new ModelConfig { Name = "front end", FrontEnd = FrontEndConfig.Vgg16(21) }, new Size2(500, 500), 1);
        StepProfile profile = StepProfile.Of(network, 300);
        Assert.That(profile.Sums.Sum(sum => sum.Values), Is.EqualTo(network.Parameters));
        Assert.That(profile.Sums.Select(sum => sum.At), Is.Ordered.Ascending.And.All.InRange(100, 300));
        Assert.That(profile.Sums[^1].At, Is.EqualTo(300).Within(1e-9));

        // fc6, three quarters of the parameters, is the third layer from the end.
        Assert.That(profile.Sums.Take(3).Select(sum => sum.Values), Does.Contain(network.Layers.Max(layer => layer.Parameters)));
    }

    [Test]
    public void WhatAProcessWritesIsReadAndKept()
    {
        string[][] lines =
        [
            ["library", "MPICH 4.0.2"], ["sum", "1", "2", "4", "3"], ["sum", "100000", "405"], ["sum", "1000000", "4005"], ["alone", "90", "110", "100"],
            ["begins", "20000", "19", "20", "22"], ["begins", "20000", "90"], ["begins", "5", "91"],
            ["step", "behind", "270", "260"], ["waited", "behind", "170", "160"], ["step", "overlapped", "200"], ["waited", "overlapped", "100"],
        ];
        ScalingRun run = ScalingRun.Read(lines, new Link(8, TimeSpan.FromMilliseconds(1.5)), 2);
        Assert.That(run.Cost.Short, Is.EqualTo(3));
        Assert.That(run.Alone.Milliseconds, Is.EqualTo(100));
        Assert.That(run.Alone.Computed, Is.EqualTo(91));
        Assert.That(run.Alone.Sums, Is.EqualTo(new[] { (20.0, 20000L), (90.0, 20000L) }));
        var machine = new MachineDescription("A processor", 2, 512, null, ".NET", "an OS", "abc", "2026-01-02");
        var report = new ScalingReport("./build.sh bench --scaling", machine, [run, run with { Link = null }]);

        // 3 of counts; 160 behind the passes; 5 of latency.
        Assert.That(report.ToMarkdown(), Does.Contain("| MPICH 4.0.2 | 8 Mbit/s, 1.5 ms | 2 | after | 100 | 265 | 268 | +1 % | 165 | 168 |"));
        IReadOnlyList<ScalingRun> again = ScalingJson.Read(report.ToJson());
        Assert.That((report with { Runs = again }).ToJson(), Is.EqualTo(report.ToJson()));
        Assert.That(again[0].Link, Is.EqualTo(run.Link));
        Assert.That(again[1].Link, Is.Null);
    }

    [Test]
    public void ThePredictionsOfThePageAreTheModels()
    {
        Assume.That(SourceTree.Root, Is.Not.Null, "The page is in the tree, and the tests run without it.");
        string page = File.ReadAllText(Path.Combine(SourceTree.Root!, "docs", "scaling.md"));
        string results = File.ReadAllText(Path.Combine(SourceTree.Root!, "bench", "results", "amd-epyc-2core", "scaling", "raw.json"));
        Assert.That(page.Split(Forecast.Begin + "\n")[1], Is.EqualTo(Forecast.Tables(ScalingJson.Read(results))));
    }

    private static bool Close(StepTime a, StepTime b) => Math.Abs(a.Step - b.Step) < 1e-9 && Math.Abs(a.Waited - b.Waited) < 1e-9;

    private static ExchangeRow Row(int values, double time) => new("Open MPI 4.1.4", 2, values, [time]);
}
