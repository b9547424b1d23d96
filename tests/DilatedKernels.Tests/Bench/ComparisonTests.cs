using System.Text.Json;
using DilatedKernels.Measuring;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Bench;

/// <summary>How the times of several sides become medians, ratios and a results folder.</summary>
internal sealed class ComparisonTests
{
    private static readonly BenchShape Shape = ShapeList.BuiltIn().Shapes.First(s => s.Name == "cpu-64-64-d2");

    [TestCase(new double[] { 3 }, 3, 3, 3)]
    [TestCase(new double[] { 5, 1, 3 }, 3, 1, 5)]
    [TestCase(new double[] { 4, 1, 3, 100 }, 3.5, 1, 100)]
    public void MediansAreOfTheMiddle(double[] values, double median, double min, double max) =>
        Assert.That(Statistics.Of(values), Is.EqualTo(new Statistics(median, min, max, values.Length)));

    [Test]
    public void NoValuesHaveNoMedian() => Assert.That(() => Statistics.Of([]), Throws.ArgumentException);

    [Test]
    public void SidesTakeTurnsAndTheFastestPeerCounts()
    {
        var order = new List<string>();
        using var ours = new FakePeer("ours", order, [[2, 2, 2], [4, 4, 4], [3, 3, 90]]);
        using var slow = new FakePeer("slow", order, [[9], [9], [9]]);
        using var fast = new FakePeer("fast", order, [[4], [6], [6]]);
        Comparison comparison = Comparison.Run(Shape, "forward", "float32", [ours, slow, fast], rounds: 3, seconds: 0);
        Assert.That(order, Is.EqualTo(Enumerable.Repeat(new[] { "ours", "slow", "fast" }, 3).SelectMany(o => o)));

        SummaryRow row = comparison.Summarize("ours", "abc", "2026-01-02")!;
        Assert.That((row.OursMs, row.Peer, row.PeerMs, row.Ratio), Is.EqualTo((3.0, "fast", 6.0, 2.0)));
        Assert.That((row.RatioMin, row.RatioMax), Is.EqualTo((1.5, 2.0)), "of the rounds 4/2, 6/4 and 6/3");
        Assert.That((row.Name, row.Pass, row.Type, row.Threads, row.Bar, row.Commit, row.Date), Is.EqualTo((Shape.Name, "forward", "float32", 2, 1.05, "abc", "2026-01-02")));
    }

    [TestCase(0, 2)]
    [TestCase(3600, 2 * Comparison.MostRoundsMore)]
    public void WhatIsDoneSoonerGetsMoreRounds(double leastSeconds, int rounds)
    {
        var order = new List<string>();
        double[][] samples = [.. Enumerable.Repeat(new[] { 1.0 }, rounds)];
        using var ours = new FakePeer("ours", order, samples);
        using var other = new FakePeer("other", order, samples);
        Comparison comparison = Comparison.Run(Shape, "forward", "float32", [ours, other], rounds: 2, seconds: 0, leastSeconds);
        Assert.That(comparison.Sides.Select(side => side.Rounds.Count), Is.All.EqualTo(rounds));
    }

    [Test]
    public void ASideThatCannotIsAskedOnceAndNamed()
    {
        var order = new List<string>();
        using var ours = new FakePeer("ours", order, [[1], [1]]);
        using var unable = new FakePeer("unable", order, []) { Reply = new PeerReply(Skip: "no such thing") };
        using var broken = new FakePeer("broken", order, []) { Reply = new PeerReply(Error: "it broke") };
        Comparison comparison = Comparison.Run(Shape, "forward", "float32", [ours, unable, broken], rounds: 2, seconds: 0);
        Assert.That(order, Is.EqualTo(new[] { "ours", "unable", "broken", "ours" }));
        Assert.That(comparison.Summarize("ours", "", ""), Is.Null, "there is nothing to compare with");
        ComparisonResults results = Results(comparison);
        Assert.That(results.Missing, Is.EqualTo(new[]
        {
            "cpu-64-64-d2, forward, float32, 2 threads: broken failed: it broke",
            "unable: no such thing (cpu-64-64-d2, forward, float32, 2 threads)",
        }));
        Assert.That(results.HasErrors, Is.True);
    }

    [Test]
    public void NobodyIsMeasuredAgainstALibraryThatCannot()
    {
        var order = new List<string>();
        using var ours = new FakePeer("ours", order, []) { Reply = new PeerReply(Error: "the convolution is wrong") };
        using var other = new FakePeer("other", order, [[1]]);
        Comparison comparison = Comparison.Run(Shape, "forward", "float32", [ours, other], rounds: 5, seconds: 0);
        Assert.That(order, Is.EqualTo(new[] { "ours", "other" }));
        Assert.That(comparison.Summarize("ours", "", ""), Is.Null);
    }

    [Test]
    public void TheResultsFolderHoldsWhatTheIssueAsksFor()
    {
        using var folder = new TemporaryFolder();
        BenchShape other = ShapeList.BuiltIn().Shapes.First(s => s.Name == "cpu-64-64-d4");
        string target = Path.Combine(folder.Path, "new");
        Results(Of(Shape, "forward", 2, 3), Of(other, "forward", 2, 1)).Write(target);

        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(target, "summary.json")));
        JsonElement row = summary.RootElement[0];
        Assert.That(
            row.EnumerateObject().Select(p => p.Name),
            Is.SupersetOf(new[] { "name", "pass", "type", "threads", "ours_ms", "peer", "peer_ms", "ratio", "bar", "commit", "date" }));
        Assert.That(row.GetProperty("ratio").GetDouble(), Is.EqualTo(1.5));

        string readMe = File.ReadAllText(Path.Combine(target, "README.md"));
        Assert.That(readMe, Does.Contain("`./build.sh bench --compare --x`").And.Contain("| cpu-64-64-d2 | forward | float32 | 2 | 2.000 | 3.000 | 1.50 | 1.50 | 1.50 | 1.05 | peer a |"));
        Assert.That(readMe, Does.Contain("0.50 | 0.50 | 0.50 | 1.05 missed |").And.Contain("some note").And.Contain("dilation.svg"));
        Assert.That(File.ReadAllText(Path.Combine(target, "dilation.svg")), Does.Contain("<svg").And.Contain("fastest peer"));
        using JsonDocument raw = JsonDocument.Parse(File.ReadAllText(Path.Combine(target, "raw.json")));
        Assert.That(raw.RootElement.GetProperty("comparisons")[0].GetProperty("sides")[0].GetProperty("rounds")[0][0].GetDouble(), Is.EqualTo(2));
    }

    [TestCase("AMD EPYC 9654 96-Core Processor", ExpectedResult = "AMD EPYC 9654 96-Core Processor")]
    [TestCase("AMD EPYC", ExpectedResult = "AMD EPYC (family 25, model 1)", Description = "a virtual machine's")]
    public string? AProcessorWithoutANumberIsToldByFamilyAndModel(string name) =>
        MachineDescription.ProcessorName(["processor\t: 0", "cpu family\t: 25", "model\t\t: 1", $"model name\t: {name}", "", "processor\t: 1", "model\t\t: 2"]);

    [Test]
    public void AListOfOtherProcessorsHasNoName() => Assert.That(MachineDescription.ProcessorName(["processor\t: 0", "BogoMIPS\t: 50.00"]), Is.Null);

    [TestCase("AMD EPYC 9654 2core", "amd-epyc-9654-2core")]
    [TestCase("  Intel(R) Xeon(R) @ 2.0GHz ", "intel-r-xeon-r-2-0ghz")]
    public void FoldersAreNamedAfterTheMachine(string name, string folder) => Assert.That(MachineDescription.Slug(name), Is.EqualTo(folder));

    [Test]
    public void AGpusFolderHasItsNameAlone() => Assert.That(
        Machine with { Gpu = "cuda:0 NVIDIA H200, sm_90, 132 multiprocessors, 139.8 GiB; libcuda.so.1, CUDA 12.4" }, Has.Property("FolderName").EqualTo("nvidia-h200"));

    [Test]
    public void AProcessThatDiesIsNamedWithItsLastWords()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("the stand-in for a peer is a shell script");
        }

        var none = new Dictionary<string, string>();
        Assert.That(() => PeerProcess.Start("Torch", "sh", ["-c", "echo no torch here >&2; exit 1"], none), Throws.TypeOf<PeerException>().With.Message.Contains("no torch here"));
        Assert.That(() => PeerProcess.Start("Torch", "/no/such/program", [], none), Throws.TypeOf<PeerException>().With.Message.Contains("/no/such/program"));
        const string Once = """echo '{"engine": "sh", "version": "1", "threads": 1}'; read line; echo '{"skip": "nothing"}'; read line; echo gone >&2""";
        using PeerProcess peer = PeerProcess.Start("Shell", "sh", ["-c", Once], none);
        var request = new PeerRequest("a", "forward", "float32", 0);
        Assert.That(peer.Measure(request).Skip, Is.EqualTo("nothing"));
        Assert.That(() => peer.Measure(request), Throws.TypeOf<PeerException>().With.Message.Contains("gone"));
    }

    private static MachineDescription Machine { get; } = new("A processor", 2, 512, null, ".NET", "an OS", "abc", "2026-01-02");

    private static ComparisonResults Results(params Comparison[] comparisons) =>
        new("./build.sh bench --compare --x", Machine, [new PeerGreeting("ours", "1", 2)], 1, 0.3, true, ["some note"], comparisons);

    private static Comparison Of(BenchShape shape, string pass, double ours, double peer) =>
        new(shape, pass, "float32", 2, [new ComparedSide("ours", "", [[ours]]), new ComparedSide("peer", "a", [[peer]])]);

    /// <summary>Answers each round with the next samples.</summary>
    private sealed class FakePeer(string name, List<string> order, double[][] rounds) : IPeer
    {
        private int _round;

        public PeerGreeting Greeting { get; } = new(name, "1", 2);

        public PeerReply? Reply { get; init; }

        public PeerReply Measure(PeerRequest request)
        {
            order.Add(name);
            return Reply ?? new PeerReply([new PeerResult("", rounds[_round++])]);
        }

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
