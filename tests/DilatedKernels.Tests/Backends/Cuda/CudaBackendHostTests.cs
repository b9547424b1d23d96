using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>The backend's pointwise operations with the real kernels, run on the CPU, against their definitions in double precision.</summary>
[NonParallelizable]
public sealed class CudaBackendHostTests
{
    private CudaBackend _backend = null!;

    [SetUp]
    public void Open()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        _backend = new CudaBackend(driver!.Open(0), new StubImages());
    }

    [TearDown]
    public void Close() => _backend?.Dispose();

    [Test]
    public void Adds([Values(1, 3, 4, 1023, 1025)] int count)
    {
        float[] x = Values(count, 1);
        float[] z = Values(count, 2);
        using DeviceBuffer y = Upload(x);
        using DeviceBuffer dz = Upload(z);
        _backend.Add(y, dz, y, count);
        Assert.That(Download(y, count), Is.EqualTo(x.Zip(z, (a, b) => a + b)));
    }

    [Test]
    public void Scales([Values(1, 1025)] int count)
    {
        float[] x = Values(count, 1);
        using DeviceBuffer y = Upload(x);
        using DeviceBuffer factor = Upload([0.3f]);
        _backend.ScaleBy(y, factor, y, count);
        Assert.That(Download(y, count), Is.EqualTo(x.Select(v => v * 0.3f)));
    }

    [Test]
    public void Relu([Values(1, 1025)] int count)
    {
        float[] x = Values(count, 1);
        x[0] = float.NaN;
        float[] d = Values(count, 2);
        using DeviceBuffer y = Upload(x);
        using DeviceBuffer dy = Upload(d);
        _backend.ReluForward(y, y, count);
        Assert.That(Download(y, count), Is.EqualTo(x.Select(v => v < 0 ? 0 : v)));
        _backend.ReluBackward(y, dy, dy, count);
        Assert.That(Download(dy, count), Is.EqualTo(x.Zip(d, (v, g) => v > 0 ? g : 0)));
    }

    [TestCase(1, 1, 1)]
    [TestCase(2, 3, 5)]
    [TestCase(1, 33, 700)]
    [TestCase(3, 64, 257)]
    public void Bias(int n, int c, int positions)
    {
        var shape = new Shape(n, c, 1, positions);
        float[] x = Values((int)shape.Count, 1);
        float[] b = Values(c, 2);
        using DeviceBuffer y = Upload(x);
        using DeviceBuffer bias = Upload(b);
        using DeviceBuffer db = _backend.Allocate(c * sizeof(float));
        _backend.BiasBackward(shape, y, db);
        double[] expected = new double[c];
        for (int i = 0; i < x.Length; i++)
        {
            expected[i % c] += x[i];
        }

        // Sums of up to 771 values below 1 in float32.
        Assert.That(Download(db, c), Is.EqualTo(expected).Within(1e-4));

        _backend.BiasForward(shape, y, bias, y);
        Assert.That(Download(y, x.Length), Is.EqualTo(x.Select((v, i) => v + b[i % c])));
    }

    private static float[] Values(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => (float)Math.Sin((i * 1.7) + seed))];

    private DeviceBuffer Upload(float[] values)
    {
        DeviceBuffer buffer = _backend.Allocate(values.Length * sizeof(float));
        _backend.Upload(MemoryMarshal.AsBytes<float>(values), buffer);
        return buffer;
    }

    private float[] Download(DeviceBuffer buffer, int count)
    {
        float[] values = new float[count];
        _backend.Download(buffer, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
