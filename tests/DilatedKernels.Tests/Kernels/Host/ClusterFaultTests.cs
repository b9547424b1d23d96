namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>What is wrong with clusters is found, by what was done and where; the kernels without the bug pass in every order.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class ClusterFaultTests(HostVariant variant)
{
    // More than the ring's two stages hold, so that they are filled again.
    private const int Steps = 5;

    private static readonly int[] Seeds = [0, 1, 2, 3, 11, 12345];

    private readonly float[] _x = [.. Enumerable.Range(1, Steps * 256).Select(i => (float)i)];
    private HostLibrary _library = null!;
    private nint _device;
    private byte[] _map = null!;

    [OneTimeSetUp]
    public void Build()
    {
        _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Faults/clusters.cu"));
        _device = _library.Upload<float>(_x);
        Assert.That(_library.EncodeTiled(new HostTensor(_device, 4, 0, [32, 8, Steps]), [32, 4, 1], out _map).Message, Is.Empty);
    }

    [TestCase("own_mask", HostStatus.Mbarrier, "which lacks 2 of 2 arrivals and 0 bytes, and nothing is on its way")]
    [TestCase("mask_beyond", HostStatus.Cluster, "of block 2 of a cluster of 2")]
    [TestCase("no_mask", HostStatus.Cluster, "to no block at all")]
    [TestCase("no_remote_arrive", HostStatus.Mbarrier, "which lacks 1 of 2 arrivals and 0 bytes, and nothing is on its way")]
    [TestCase("no_end", HostStatus.Cluster, "all of whose threads have returned")]
    [TestCase("no_start", HostStatus.Cluster, "with no barrier of the cluster before: it may not run yet")]
    [TestCase("no_fence", HostStatus.Mbarrier, "mbarrier_fence_init")]
    [TestCase("one_block_ends", HostStatus.BarrierDivergence, "waits at the cluster's barrier at clusters.cu:", "with 64 of 128 threads; thread (0,0,0) of block (1,0,0) has returned")]
    [TestCase("arrives_twice", HostStatus.Cluster, "has not waited since it arrived before")]
    [TestCase("waits_only", HostStatus.Cluster, "has not arrived at it")]
    [TestCase("rank_beyond", HostStatus.Cluster, "arrives at clusters.cu:", "of block 2 of a cluster of 2")]
    public void BugIsFound(string kernel, HostStatus status, params string[] words)
    {
        foreach (int seed in (int[])[0, 1])
        {
            HostResult result = Sum($"cluster_sum_{kernel}", seed).Result;
            // Which of two faults comes first may depend on the order.
            Assert.That(result.Status, kernel == "one_block_ends" ? Is.EqualTo(status).Or.EqualTo(HostStatus.Cluster) : Is.EqualTo(status), $"seed {seed}: {result.Message}");
            if (result.Status == status)
            {
                Assert.That(result.Message, Does.StartWith("kernel '"), $"seed {seed}");
                Assert.That(words.Where(w => !result.Message.Contains(w, StringComparison.Ordinal)), Is.Empty, $"seed {seed}: {result.Message}");
            }
        }
    }

    [Test]
    public void StageThatTheOtherBlockStillReadsIsNotFilled()
    {
        int found = Seeds.Count(seed => Sum("cluster_sum_own_consumers_only", seed) is var (result, sums) && (result.Status != HostStatus.Ok || !sums.SequenceEqual(Sums())));
        Assert.That(found, Is.GreaterThanOrEqualTo(2), "with one block ahead of the other");
    }

    [TestCase("before_start", HostStatus.Cluster, "with no barrier of the cluster before: it may not run yet")]
    [TestCase("race", HostStatus.Race, "of block (")]
    [TestCase("beyond_array", HostStatus.OutOfBounds, "0 bytes past the end of shared array 'values' (256 bytes) of block (")]
    public void AccessToAnotherBlockIsWatched(string kernel, HostStatus status, string words)
    {
        Assume.That(variant, Is.EqualTo(HostVariant.Checked), "only the checked build sees accesses");
        HostResult result = Swap($"cluster_swap_{kernel}", 0).Result;
        Assert.That(result.Status, Is.EqualTo(status), result.Message);
        Assert.That(result.Message, Does.Contain(words));
    }

    [Test]
    public void ABlockThatIsNotThereIsNotMapped() =>
        Assert.That(Swap("cluster_map_beyond", 0).Result is { Status: HostStatus.Cluster } result ? result.Message : "", Does.Contain("an address to block 2 of a cluster of 2"));

    [Test]
    public void CorrectKernelsPassInEveryOrder()
    {
        foreach (int seed in Seeds)
        {
            (HostResult summed, float[] sums) = Sum("cluster_sum_correct", seed);
            Assert.That(summed.Message, Is.Empty, $"seed {seed}");
            Assert.That(sums, Is.EqualTo(Sums()), $"seed {seed}");
            (HostResult swapped, float[] values) = Swap("cluster_swap_correct", seed);
            Assert.That(swapped.Message, Is.Empty, $"seed {seed}");
            Assert.That(values, Is.EqualTo(Enumerable.Range(0, 128).Select(i => _x[i ^ 64] + 1)), $"seed {seed}");
        }
    }

    [Test]
    public void ClustersThatADeviceRefusesAreRefused()
    {
        Assert.That(Launch((3, 1, 1), (2, 1, 1)), Does.Contain("grid (3,1,1) is no whole number of clusters (2,1,1)"));
        Assert.That(Launch((12, 1, 1), (4, 3, 1)), Does.Contain("cluster (4,3,1); a cluster has 8 blocks at most"));

        string Launch((int X, int Y, int Z) grid, (int X, int Y, int Z) cluster) => _library.LaunchClusters("cluster_swap_correct", grid, (64, 1, 1), cluster, 0, _device, _device).Message;
    }

    // Whole numbers below 2^24, whatever their order.
    private float[] Sums()
    {
        float[] sums = [.. Enumerable.Range(0, 32).Select(lane => Enumerable.Range(0, Steps * 8).Sum(row => _x[(32 * row) + lane]))];
        return [.. sums, .. sums];
    }

    private (HostResult Result, float[] Values) Sum(string kernel, int seed) => Launch(kernel, seed, 64, y => [_map, y, Steps]);

    private (HostResult Result, float[] Values) Swap(string kernel, int seed) => Launch(kernel, seed, 128, y => [_device, y]);

    private (HostResult Result, float[] Values) Launch(string kernel, int seed, int count, Func<nint, object[]> arguments)
    {
        _library.Seed = seed;
        nint y = _library.Allocate(count * sizeof(float));
        HostResult result = _library.LaunchClusters(kernel, (2, 1, 1), (64, 1, 1), (2, 1, 1), (2 * 1024) + 128, arguments(y));
        float[] values = _library.Download<float>(y, count);
        _library.Free(y);
        return (result, values);
    }
}
