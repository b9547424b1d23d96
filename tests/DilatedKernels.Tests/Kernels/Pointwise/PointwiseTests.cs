using DilatedKernels.Tests.Kernels.Host;

namespace DilatedKernels.Tests.Kernels.Pointwise;

/// <summary>The pointwise kernels on the CPU against their definitions, in every order of threads.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class PointwiseTests(HostVariant variant)
{
    private static readonly int[] Counts = [1, 3, 4, 255, 1024, 1031];
    private static readonly int[] Seeds = [0, 1, 42];

    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "kernels/pointwise/add.cu", "kernels/pointwise/bias.cu", "kernels/pointwise/relu.cu"));

    [Test]
    public void Add([ValueSource(nameof(Counts))] int count, [ValueSource(nameof(Seeds))] int seed)
    {
        float[] x = Numbers(count, 1), z = Numbers(count, 2);
        float[] y = Run("add_f32", seed, count, x, z);
        Assert.That(y, Is.EqualTo(x.Zip(z, (a, b) => a + b)));
    }

    [Test]
    public void ScaleBy([ValueSource(nameof(Counts))] int count, [ValueSource(nameof(Seeds))] int seed)
    {
        float[] x = Numbers(count, 3);
        float[] y = Run("scale_by_f32", seed, count, x, [0.3f]);
        Assert.That(y, Is.EqualTo(x.Select(a => a * 0.3f)));
    }

    [Test]
    public void ReluForwardKeepsNaN([ValueSource(nameof(Counts))] int count, [ValueSource(nameof(Seeds))] int seed)
    {
        float[] x = Numbers(count, 4);
        x[count / 2] = float.NaN;
        float[] y = Run("relu_forward_f32", seed, count, x);
        Assert.That(y, Is.EqualTo(x.Select(a => a < 0 ? 0 : a)));
    }

    [Test]
    public void ReluBackward([ValueSource(nameof(Counts))] int count, [ValueSource(nameof(Seeds))] int seed)
    {
        float[] y = [.. Numbers(count, 5).Select(a => MathF.Max(a, 0))], dy = Numbers(count, 6);
        Assert.That(Run("relu_backward_f32", seed, count, y, dy), Is.EqualTo(y.Zip(dy, (a, d) => a > 0 ? d : 0)));
    }

    [Test]
    public void UnalignedArraysAreTakenElementByElement()
    {
        const int Count = 37;
        float[] x = Numbers(Count + 1, 7);
        nint px = _library.Upload<float>(x), py = _library.Allocate(Count * 4);
        _library.MustLaunch("relu_forward_f32", (1, 1, 1), (32, 1, 1), px + 4, py, (long)Count);
        Assert.That(_library.Download<float>(py, Count), Is.EqualTo(x.Skip(1).Select(a => a < 0 ? 0 : a)));
    }

    [Test]
    public void BiasForward([Values(1, 21, 64)] int channels)
    {
        const int Positions = 77;
        float[] x = Numbers(Positions * channels, 8), bias = Numbers(channels, 9);
        nint px = _library.Upload<float>(x), pb = _library.Upload<float>(bias), py = _library.Allocate(x.Length * 4L);
        _library.MustLaunch("bias_forward_f32", (3, 1, 1), (128, 1, 1), px, pb, py, (long)Positions, channels);
        Assert.That(_library.Download<float>(py, x.Length), Is.EqualTo(x.Select((v, i) => v + bias[i % channels])));
    }

    [Test]
    public void BiasBackward([Values(1, 7, 21, 64, 70)] int channels, [Values(1, 5, 40)] int slices)
    {
        const int Positions = 353;
        float[] dy = Numbers(Positions * channels, 10);
        float[][] results = [.. Seeds.Select(seed => BiasGradient(dy, Positions, channels, slices, seed))];

        double[] expected = new double[channels];
        for (int i = 0; i < dy.Length; i++)
        {
            expected[i % channels] += dy[i];
        }

        double error = Math.Sqrt(expected.Select((e, c) => Math.Pow(results[0][c] - e, 2)).Sum());
        Assert.That(error, Is.LessThan(1e-5 * Math.Sqrt(expected.Sum(e => e * e))).And.Not.NaN);
        Assert.That(results, Is.All.EqualTo(results[0]), "the order of threads changes the bits");
    }

    private float[] BiasGradient(float[] dy, int positions, int channels, int slices, int seed)
    {
        _library.Seed = seed;
        nint pdy = _library.Upload<float>(dy), partial = _library.Allocate(slices * channels * (long)sizeof(double)), db = _library.Allocate(channels * 4L);
        int slicePositions = (positions + slices - 1) / slices;
        _library.MustLaunch("bias_backward_partial_f32", ((channels + 31) / 32, slices, 1), (32, 8, 1), pdy, partial, (long)positions, channels, slicePositions);
        _library.MustLaunch("bias_backward_finish_f32", ((channels + 7) / 8, 1, 1), (256, 1, 1), partial, db, slices, channels);
        return _library.Download<float>(db, channels);
    }

    private float[] Run(string kernel, int seed, int count, params float[][] inputs)
    {
        _library.Seed = seed;
        nint y = _library.Allocate(count * 4L);
        object[] arguments = [.. inputs.Select(input => (object)_library.Upload<float>(input)), y, (long)count];
        _library.MustLaunch(kernel, (2, 1, 1), (64, 1, 1), arguments);
        return _library.Download<float>(y, count);
    }

    private static float[] Numbers(int count, int seed)
    {
        uint state = (uint)seed * 2654435761;
        return [.. Enumerable.Range(0, count).Select(_ => ((state = (state * 1664525) + 1013904223) >> 8) / (float)(1 << 23) - 1)];
    }
}
