using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu;

namespace DilatedKernels.Tests.Backends.Cpu;

/// <summary>Bias and ReLU on buffers that are NaN until written.</summary>
public class PointwiseKernelTests
{
    private static readonly Shape[] Shapes =
    [
        new(1, 1, 1, 1), new(1, 3, 5, 7), new(2, 8, 9, 5), new(3, 21, 6, 11), new(1, 64, 3, 3), new(1, 67, 4, 5), new(2, 3, 700, 300), new(1, 130, 70, 33),
    ];

    [TestCaseSource(nameof(Shapes))]
    public void BiasAddsToEveryPosition(Shape shape)
    {
        float[] x = Values(shape.Count, 1);
        float[] bias = Values(shape.C, 2);
        float[] y = Compute(2, shape.Count, [x, bias], (backend, inputs, result) => backend.BiasForward(shape, inputs[0], inputs[1], result));
        Assert.That(y, Is.EqualTo(x.Select((v, i) => v + bias[i % shape.C])));
    }

    [TestCaseSource(nameof(Shapes))]
    public void BiasGradientSumsPositions(Shape shape)
    {
        float[] dy = Values(shape.Count, 3);
        double[] expected = new double[shape.C];
        double[] size = new double[shape.C];
        for (int i = 0; i < dy.Length; i++)
        {
            expected[i % shape.C] += dy[i];
            size[i % shape.C] += Math.Abs(dy[i]);
        }

        float[] one = Compute(1, shape.C, [dy], (backend, inputs, result) => backend.BiasBackward(shape, inputs[0], result));
        float[] two = Compute(2, shape.C, [dy], (backend, inputs, result) => backend.BiasBackward(shape, inputs[0], result));
        Assert.That(two, Is.EqualTo(one), "the same bits for every number of threads");
        for (int c = 0; c < shape.C; c++)
        {
            Assert.That(one[c], Is.EqualTo(expected[c]).Within(1e-6 * size[c]), $"channel {c}");
        }
    }

    [Test]
    public void ReluKeepsNaN([Values(1, 5, 16, 1000)] int count)
    {
        float[] x = Values(count, 4);
        x[count / 2] = float.NaN;
        float[] y = Compute(1, count, [x], (backend, inputs, result) => backend.ReluForward(inputs[0], result, count));
        Assert.That(y, Is.EqualTo(x.Select(v => v < 0 ? 0 : v)));
        Assert.That(y[count / 2], Is.NaN);
    }

    [Test]
    public void ReluGradientPassesWhereTheOutputIsPositive([Values(1, 5, 16, 1000, 200_000)] int count)
    {
        float[] y = [.. Values(count, 5).Select(v => Math.Max(0, v))];
        float[] dy = Values(count, 6);
        float[] dx = Compute(2, count, [y, dy], (backend, inputs, result) => backend.ReluBackward(inputs[0], inputs[1], result, count));
        Assert.That(dx, Is.EqualTo(y.Zip(dy, (output, gradient) => output > 0 ? gradient : 0)));
    }

    /// <summary>The convolution's own epilogue, in whole vectors and in the tail.</summary>
    [Test]
    public void FusedReluKeepsNaN([Values(4, 8, 16)] int lanes)
    {
        const int Channels = 21;
        var g = new Conv2dGeometry(1, 1, 1, 2, Channels, 1, 1, 1, 1, 1, 1, 0, 0);
        float[] weight = [.. Enumerable.Range(0, Channels).Select(k => k - 10f)];
        float[] y = Compute(1, 2 * Channels, [[float.NaN, 1], weight], (backend, inputs, result) =>
        {
            backend.VectorUnit = backend.VectorUnit with { Lanes = lanes };
            backend.Conv2dForward(g, inputs[0], inputs[1], bias: null, relu: true, result);
        });
        Assert.That(y[..Channels], Is.All.NaN);
        Assert.That(y[Channels..], Is.EqualTo(weight.Select(w => Math.Max(0, w))));
    }

    private static float[] Values(long count, ulong seed)
    {
        var random = new RandomSequence(seed, "values");
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)random.NextGaussian();
        }

        return values;
    }

    private static float[] Compute(int threads, long count, float[][] inputs, Action<CpuBackend, DeviceBuffer[], DeviceBuffer> compute)
    {
        using var backend = new CpuBackend(threads);
        backend.Allocator.Poison = true;
        DeviceBuffer[] buffers = [.. inputs.Select(values =>
        {
            DeviceBuffer buffer = backend.Allocate(values.Length * sizeof(float));
            backend.Upload(MemoryMarshal.AsBytes<float>(values), buffer);
            return buffer;
        })];
        using DeviceBuffer result = backend.Allocate(count * sizeof(float));
        compute(backend, buffers, result);
        float[] values = new float[count];
        backend.Download(result, MemoryMarshal.AsBytes(values.AsSpan()));
        foreach (DeviceBuffer buffer in buffers)
        {
            buffer.Dispose();
        }

        return values;
    }
}
