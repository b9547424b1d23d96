using DilatedKernels.Tests.Kernels.Host;

namespace DilatedKernels.Tests.Kernels.Ptx;

/// <summary>The host twins of what blocks of a cluster do together.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class ClusterTests(HostVariant variant)
{
    private static readonly int[] Seeds = [0, 1, 12];

    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Samples/clusters.cu"));

    [SetUp]
    public void ResetOptions() => _library.Seed = 0;

    // The x axis is the fastest within a cluster too.
    [TestCase(6, 1, 1, 1, 1, 1)]
    [TestCase(6, 1, 1, 2, 1, 1)]
    [TestCase(4, 6, 2, 2, 3, 1)]
    [TestCase(2, 2, 4, 2, 2, 2)]
    public void BlocksAreNumberedWithinTheirCluster(int x, int y, int z, int cx, int cy, int cz)
    {
        foreach (int seed in Seeds)
        {
            _library.Seed = seed;
            nint places = _library.Allocate(2L * x * y * z * sizeof(int));
            Assert.That(_library.LaunchClusters("cluster_places", (x, y, z), (1, 1, 1), (cx, cy, cz), 0, places).Message, Is.Empty);
            int[] expected = [.. Enumerable.Range(0, x * y * z).SelectMany(i => new[] { (i % x % cx) + (cx * ((i / x % y % cy) + (cy * (i / x / y % cz)))), cx * cy * cz })];
            Assert.That(_library.Download<int>(places, expected.Length), Is.EqualTo(expected));
            _library.Free(places);
        }
    }

    [TestCase(2)]
    [TestCase(8)]
    public void BlocksReadAndWriteEachOthersMemory(int blocks)
    {
        const int Threads = 64, Clusters = 3;
        float[] x = [.. Enumerable.Range(1, Clusters * blocks * Threads).Select(i => (float)i)];
        nint from = _library.Upload<float>(x);
        foreach (int seed in Seeds)
        {
            _library.Seed = seed;
            nint to = _library.Allocate(2L * x.Length * sizeof(float));
            Assert.That(_library.LaunchClusters("cluster_exchange", (Clusters * blocks, 1, 1), (Threads, 1, 1), (blocks, 1, 1), 2 * Threads * sizeof(float), from, to).Message, Is.Empty);
            float[] y = _library.Download<float>(to, 2 * x.Length);
            for (int i = 0; i < x.Length; i++)
            {
                (int cluster, int rank, int thread) = (i / Threads / blocks, i / Threads % blocks, i % Threads);
                Assert.That(y[2 * i], Is.EqualTo(x[Place((rank + 1) % blocks, Threads - 1 - thread)]), "read from the next");
                Assert.That(y[(2 * i) + 1], Is.EqualTo(x[Place((rank + blocks - 1) % blocks, thread)]), "written by the one before");

                int Place(int block, int at) => (((cluster * blocks) + block) * Threads) + at;
            }

            _library.Free(to);
        }
    }

    [TestCase(2, false)]
    [TestCase(4, false)]
    [TestCase(2, true)]
    public void EveryBlockGetsWhatAllBring(int blocks, bool im2col)
    {
        // 64 channels of 8 rows, or of one row of 8 pixels, for each block: a swizzled kilobyte.
        const int Rows = 8, Channels = 64, Share = Rows * Channels * 2;
        ushort[] tensor = [.. Enumerable.Range(1, blocks * Rows * Channels).Select(i => (ushort)(i * 40503))];
        nint x = _library.Upload<ushort>(tensor);
        byte[] map;
        HostResult made = im2col
            ? _library.EncodeIm2col(new HostTensor(x, 2, 3, [Channels, Rows, blocks, 1]), [0, 0], [0, 0], Channels, Rows, out map)
            : _library.EncodeTiled(new HostTensor(x, 2, 3, [Channels, blocks * Rows, 1]), [Channels, Rows, 1], out map);
        Assert.That(made.Message, Is.Empty);
        ushort[] expected = new ushort[tensor.Length];
        for (int i = 0; i < expected.Length; i++)
        {
            (int row, int granule) = (i / Channels, i % Channels / 8);
            expected[(row * Channels) + ((granule ^ (row % 8)) * 8) + (i % 8)] = tensor[i];
        }

        foreach (int seed in Seeds)
        {
            _library.Seed = seed;
            nint y = _library.Allocate(2L * blocks * tensor.Length);
            HostResult result = _library.LaunchClusters(
                "cluster_multicast", (blocks, 1, 1), (32, 1, 1), (blocks, 1, 1), (blocks * Share) + 1024, map, y, Share, im2col ? 1 : Rows, im2col ? 1 : 0);
            Assert.That(result.Message, Is.Empty);
            ushort[] got = _library.Download<ushort>(y, blocks * tensor.Length);
            Assert.That(got.Chunk(tensor.Length), Is.All.EqualTo(expected));
            _library.Free(y);
        }
    }
}
