using System.Diagnostics;

namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>A kernel of the shape that the library's convolutions have: tiles in shared memory, two barriers a step.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[TestFixture(HostVariant.PortableFibers)]
[NonParallelizable]
public class DilatedConvolutionTests(HostVariant variant)
{
    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Samples/dilated_conv3x3.cu"));

    [TestCase(1, 1, 1)]
    [TestCase(9, 11, 1)]
    [TestCase(13, 10, 4)]
    [TestCase(7, 8, 16)]
    public void AgreesWithItsDefinition(int height, int width, int dilation)
    {
        const int Channels = 32, ChannelsOut = 64;
        float[] x = Numbers(height * width * Channels), w = Numbers(ChannelsOut * 9 * Channels);
        double[] expected = new double[height * width * ChannelsOut];
        for (int i = 0; i < expected.Length; i++)
        {
            int k = i % ChannelsOut, ox = i / ChannelsOut % width, oy = i / ChannelsOut / width;
            for (int tap = 0; tap < 9; tap++)
            {
                int iy = oy + (((tap / 3) - 1) * dilation), ix = ox + (((tap % 3) - 1) * dilation);
                for (int c = 0; iy >= 0 && iy < height && ix >= 0 && ix < width && c < Channels; c++)
                {
                    expected[i] += (double)x[(((iy * width) + ix) * Channels) + c] * w[(((k * 9) + tap) * Channels) + c];
                }
            }
        }

        (int Seed, int Threads)[] runs = [(0, 1), (1, 2), (77, 2)];
        float[][] results = [.. runs.Select(run => Run(x, w, height, width, Channels, ChannelsOut, dilation, run.Seed, run.Threads))];
        double error = Math.Sqrt(results[0].Select((v, i) => Math.Pow(v - expected[i], 2)).Sum() / expected.Sum(e => e * e));
        Assert.That(error, Is.LessThan(1e-5).And.Positive);
        Assert.That(results, Is.All.EqualTo(results[0]), "the order of threads changes the bits");
    }

    [Test]
    public void WholeLayer()
    {
        const int Extent = 66, Channels = 64;
        float[] x = Numbers(Extent * Extent * Channels), w = Numbers(Channels * 9 * Channels);
        var clock = Stopwatch.StartNew();
        float[] y = Run(x, w, Extent, Extent, Channels, Channels, 4, 0, 1);
        TestContext.Out.WriteLine($"{variant}: a 66 x 66, 64 to 64 layer at dilation 4 in {clock.Elapsed.TotalSeconds:F2} s on one thread");
        Assert.That(y, Has.None.NaN);
    }

    private float[] Run(float[] x, float[] w, int height, int width, int channels, int channelsOut, int dilation, int seed, int threads)
    {
        _library.Seed = seed;
        _library.Threads = threads;
        nint px = _library.Upload<float>(x), pw = _library.Upload<float>(w), py = _library.Allocate((long)height * width * channelsOut * sizeof(float));
        _library.MustLaunch("dilated_conv3x3_f32", (((height * width) + 63) / 64, channelsOut / 64, 1), (256, 1, 1), px, pw, py, height, width, channels, channelsOut, dilation);
        float[] y = _library.Download<float>(py, height * width * channelsOut);
        Assert.That(_library.Free(px).Status, Is.EqualTo(HostStatus.Ok));
        Assert.That(_library.Free(pw).Status, Is.EqualTo(HostStatus.Ok));
        Assert.That(_library.Free(py).Status, Is.EqualTo(HostStatus.Ok));
        return y;
    }

    private static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => (i * 7919 % 1009 / 504.5f) - 1)];
}
