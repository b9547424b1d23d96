using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>The CUDA kernels of the three passes, compiled for the CPU, against double-precision loops on memory that is NaN until written.</summary>
[NonParallelizable]
public class Conv2dKernelTests
{
    // The last without tensor cores for either type: there these kernels serve whatever is asked.
    private const int Simt = 75;

    private const double Tolerance = 1e-5;

    // A rounding to 8 significant bits moves a number by up to 1/256 of it; weight gradients are not rounded.
    private const double RoundedOnce = (1 / 256.0) + Tolerance;

    private CudaBackend _backend = null!;

    /// <summary>The CPU backend's cases, and what only tiles and slices can get wrong.</summary>
    private static IEnumerable<Conv2dGeometry> Geometries() => Conv2dCases.All().Concat(TileCases());

    /// <summary>Channels with every tail of 8, both ways round, and a part of the others: kernels of the two types share their bodies.</summary>
    private static IEnumerable<Conv2dGeometry> BFloat16Geometries()
    {
        foreach (int inChannels in (int[])[1, 7, 9, 21, 31, 33, 64])
        {
            foreach (int outChannels in (int[])[1, 7, 9, 21, 31, 33, 64])
            {
                yield return new Conv2dGeometry(1, inChannels, 5, 7, outChannels, 3, 3, 1, 1, 2, 2, 2, 2);
            }
        }

        foreach (Conv2dGeometry g in Conv2dCases.All().Where((_, i) => i % 4 == 0).Concat(TileCases()))
        {
            yield return g;
        }
    }

    private static IEnumerable<Conv2dGeometry> TileCases()
    {
        // Every tile of every pass, whole and cut off.
        foreach (int inChannels in (int[])[3, 4, 16, 21, 24, 60, 128])
        {
            foreach (int outChannels in (int[])[3, 11, 16, 21, 64, 100, 128])
            {
                yield return new Conv2dGeometry(1, inChannels, 11, 13, outChannels, 3, 3, 1, 1, 2, 2, 2, 2);
            }
        }

        // Stride and dilation with and without a common divisor, and phases that no tap reaches.
        yield return new Conv2dGeometry(2, 8, 15, 14, 12, 3, 3, 2, 3, 2, 2, 1, 2);
        yield return new Conv2dGeometry(2, 8, 15, 14, 12, 3, 2, 4, 4, 2, 6, 3, 1);
        yield return new Conv2dGeometry(2, 8, 9, 9, 12, 1, 1, 3, 3, 1, 1, 0, 0);
        yield return new Conv2dGeometry(2, 4, 5, 3, 4, 2, 2, 7, 9, 3, 1, 2, 2);
        // A weight gradient in several slices.
        yield return new Conv2dGeometry(3, 3, 30, 31, 5, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(2, 8, 33, 31, 8, 3, 3, 1, 1, 4, 4, 4, 4);
        yield return new Conv2dGeometry(1, 16, 40, 41, 64, 1, 1, 1, 1, 1, 1, 0, 0);
    }

    [OneTimeSetUp]
    public void Open() => _backend = HostBackend.Open("plain", architecture: Simt);

    [OneTimeTearDown]
    public void Close() => _backend?.Dispose();

    [TestCaseSource(nameof(Geometries))]
    public void AgreesWithDefinition(object boxed) => Check(_backend, (Conv2dGeometry)boxed);

    [TestCaseSource(nameof(BFloat16Geometries))]
    public void AgreesWithDefinitionInBFloat16(object boxed) => Check(_backend, (Conv2dGeometry)boxed, ElementType.BFloat16);

    [Test]
    public void OrderOfThreadsDoesNotMatter([Values] ElementType type)
    {
        var g = new Conv2dGeometry(2, 21, 18, 17, 11, 3, 3, 1, 1, 2, 2, 2, 2);
        float[][] results = [.. new long[] { 0, 1, 7 }.Select(seed =>
        {
            using CudaBackend backend = HostBackend.Open("plain", seed, architecture: Simt);
            return Check(backend, g, type);
        })];
        Assert.That(results[1], Is.EqualTo(results[0]));
        Assert.That(results[2], Is.EqualTo(results[0]));
    }

    [TestCase(3, 64, 1, 1, 1)]
    [TestCase(64, 64, 1, 2, 2)]
    [TestCase(21, 11, 1, 2, 2)]
    [TestCase(12, 20, 2, 1, 1)]
    [TestCase(64, 21, 1, 4, 4)]
    [TestCase(128, 130, 1, 1, 1)]
    public void EveryAccessIsInOrderAndInBounds(int inChannels, int outChannels, int stride, int dilation, int pad)
    {
        using CudaBackend backend = HostBackend.Open("checked", seed: 3, architecture: Simt);
        var g = new Conv2dGeometry(2, inChannels, 14, 13, outChannels, 3, 3, stride, stride, dilation, dilation, pad, pad);
        Check(backend, g);
        Check(backend, g, ElementType.BFloat16);
    }

    [Test]
    public void AnEmptyBatchHasZeroWeightGradient()
    {
        var g = new Conv2dGeometry(0, 3, 5, 5, 4, 3, 3, 1, 1, 1, 1, 1, 1);
        using DeviceBuffer nothing = _backend.Allocate(0);
        using DeviceBuffer weight = HostBackend.Upload(_backend, new float[g.WeightShape.Count]);
        _backend.Conv2dForward(g, nothing, weight, bias: null, relu: false, nothing);
        _backend.Conv2dBackwardInput(g, nothing, weight, mask: null, nothing);
        Assert.That(HostBackend.Result(_backend, g.WeightShape, dw => _backend.Conv2dBackwardWeight(g, nothing, nothing, dw)), Is.All.Zero);
    }

    [Test]
    public void NoInputChannelsGiveTheBias()
    {
        var g = new Conv2dGeometry(1, 0, 3, 3, 2, 3, 3, 1, 1, 1, 1, 1, 1);
        using DeviceBuffer nothing = _backend.Allocate(0);
        using DeviceBuffer bias = HostBackend.Upload(_backend, [2, -1]);
        float[] y = HostBackend.Result(_backend, g.OutShape, y => _backend.Conv2dForward(g, nothing, nothing, bias, relu: true, y));
        Assert.That(y, Is.EqualTo(Enumerable.Range(0, 18).Select(i => i % 2 == 0 ? 2f : 0f)));
    }

    [Test]
    public void ConvolutionsPastTheCoordinatesAreRefused()
    {
        var g = new Conv2dGeometry(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 << 28, 0);
        using DeviceBuffer one = HostBackend.Upload(_backend, [1]);
        NotSupportedException e = Assert.Throws<NotSupportedException>(() => _backend.Conv2dForward(g, one, one, bias: null, relu: false, one))!;
        Assert.That(e.Message, Does.Contain("the padded input is 536870913×1 pixels"));
    }

    /// <summary>Runs the passes, compares, and returns everything they gave.</summary>
    private static float[] Check(CudaBackend backend, Conv2dGeometry g, ElementType type = ElementType.Float32)
    {
        var random = new RandomSequence(1, g.ToString());
        float[] x = Conv2dCases.Values(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        float[] bias = Conv2dCases.Values(random, g.OutChannels);
        float[] dy = Conv2dCases.Values(random, g.OutShape.Count);
        float[] mask = Conv2dCases.Mask(random, g.InShape.Count);
        using DeviceBuffer xBuffer = HostBackend.Upload(backend, x, type);
        using DeviceBuffer weightBuffer = HostBackend.Upload(backend, weight);
        using DeviceBuffer biasBuffer = HostBackend.Upload(backend, bias);
        using DeviceBuffer dyBuffer = HostBackend.Upload(backend, dy, type);
        using DeviceBuffer maskBuffer = HostBackend.Upload(backend, mask, type);

        float[] y = HostBackend.Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, biasBuffer, relu: true, y), type);
        float[] dx = HostBackend.Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, mask: null, dx), type);
        float[] masked = HostBackend.Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, maskBuffer, dx), type);
        float[] dw = HostBackend.Result(backend, g.WeightShape, dw => backend.Conv2dBackwardWeight(g, xBuffer, dyBuffer, dw));
        double tolerance = type == ElementType.Float32 ? Tolerance : RoundedOnce;
        if (type == ElementType.BFloat16)
        {
            // What the products take; the bias is added in float32.
            x = Rounded(x);
            dy = Rounded(dy);
            weight = Rounded(weight);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Conv2dReference.RelativeError(y, Conv2dReference.Forward(g, x, weight, bias, relu: true)), Is.LessThan(tolerance), "forward with bias and ReLU");
            Assert.That(Conv2dReference.RelativeError(dx, Conv2dReference.BackwardInput(g, dy, weight)), Is.LessThan(tolerance), "data gradient");
            Assert.That(masked, Is.EqualTo(dx.Zip(mask, (value, gate) => gate > 0 ? value : 0)), "masked data gradient");
            Assert.That(Conv2dReference.RelativeError(dw, Conv2dReference.BackwardWeight(g, x, dy)), Is.LessThan(Tolerance), "weight gradient");
        }

        return [.. y, .. dx, .. dw];
    }

    private static float[] Rounded(float[] values) => Array.ConvertAll(values, v => BFloat16.Widen(BFloat16.Round(v)));
}
