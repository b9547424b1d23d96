using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

/// <summary>The three convolution passes against double-precision loops, on memory that is NaN until written.</summary>
public class Conv2dKernelTests
{
    private const double Tolerance = 1e-5;
    private const double WinogradTolerance = 5e-6;

    private static readonly VectorUnit[] Units =
        [new(16, 32, false), new(16, 32, false) { SecondLevelCache = 1 << 20 }, new(16, 32, true) { SecondLevelCache = 4 << 20 }, new(8, 32, false), new(8, 16, false), new(4, 16, false)];

    [TestCaseSource(typeof(Conv2dCases), nameof(Conv2dCases.All))]
    [TestCaseSource(typeof(Conv2dCases), nameof(Conv2dCases.Large))]
    public void AgreesWithDefinition(object boxed) => Check((Conv2dGeometry)boxed, ConvolutionAlgorithm.Automatic, Tolerance);

    [TestCaseSource(nameof(ThreeTapsAndMore))]
    public void WinogradAgreesWithDefinition(object boxed) => Check((Conv2dGeometry)boxed, ConvolutionAlgorithm.Winograd, WinogradTolerance);

    [TestCaseSource(nameof(ThreeByThree))]
    public void Winograd4x4AgreesWithDefinition(object boxed) => Check((Conv2dGeometry)boxed, ConvolutionAlgorithm.Winograd4x4, WinogradTolerance);

    [Test]
    public void AnEmptyBatchGivesNoWeightGradient([Values] ConvolutionAlgorithm algorithm)
    {
        var g = new Conv2dGeometry(0, 64, 12, 12, 64, 3, 3, 1, 1, 1, 1, 1, 1);
        Passes p = Passes.Run(g, algorithm, [], Conv2dCases.Values(new RandomSequence(1, "weight"), g.WeightShape.Count), new float[64], [], [], VectorUnit.Hardware, threads: 2);
        Assert.That(p.Dw, Is.All.Zero);
    }

    [Test]
    public void NoInputChannelsGiveTheBias([Values] ConvolutionAlgorithm algorithm)
    {
        var g = new Conv2dGeometry(1, 0, 12, 12, 8, 3, 3, 1, 1, 1, 1, 1, 1);
        float[] bias = Conv2dCases.Values(new RandomSequence(1, "bias"), g.OutChannels);
        Passes p = Passes.Run(g, algorithm, [], [], bias, new float[g.OutShape.Count], [], VectorUnit.Hardware, threads: 2);
        Assert.That(p.Y, Is.All.Zero);
        Assert.That(p.Activated, Is.EqualTo(Enumerable.Range(0, 144).SelectMany(_ => bias.Select(b => Math.Max(b, 0)))));
    }

    private static IEnumerable<Conv2dGeometry> ThreeTapsAndMore() => Conv2dCases.All().Concat(Conv2dCases.Large()).Where(g => g is { KernelHeight: >= 3, KernelWidth: >= 3, StrideH: 1, StrideW: 1 });

    private static IEnumerable<Conv2dGeometry> ThreeByThree() => ThreeTapsAndMore().Where(g => g is { KernelHeight: 3, KernelWidth: 3 });

    private static void Check(Conv2dGeometry g, ConvolutionAlgorithm algorithm, double tolerance)
    {
        var random = new RandomSequence(1, g.ToString());
        float[] x = Conv2dCases.Values(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        float[] bias = Conv2dCases.Values(random, g.OutChannels);
        float[] dy = Conv2dCases.Values(random, g.OutShape.Count);
        double[] y = Conv2dReference.Forward(g, x, weight, bias: null, relu: false);
        double[] activated = Conv2dReference.Forward(g, x, weight, bias, relu: true);
        double[] dx = Conv2dReference.BackwardInput(g, dy, weight);
        double[] dw = Conv2dReference.BackwardWeight(g, x, dy);
        float[] mask = Conv2dCases.Mask(random, g.InShape.Count);

        Passes? first = null;
        foreach (VectorUnit unit in Units)
        {
            foreach (int threads in (int[])[1, 2])
            {
                Passes p = Passes.Run(g, algorithm, x, weight, bias, dy, mask, unit, threads);
                using (Assert.EnterMultipleScope())
                {
                    Assert.That(Conv2dReference.RelativeError(p.Y, y), Is.LessThan(tolerance), $"forward, {unit}");
                    Assert.That(Conv2dReference.RelativeError(p.Activated, activated), Is.LessThan(tolerance), $"forward with bias and ReLU, {unit}");
                    Assert.That(Conv2dReference.RelativeError(p.Dx, dx), Is.LessThan(tolerance), $"backward to the input, {unit}");
                    Assert.That(p.MaskedDx, Is.EqualTo(p.Dx.Zip(mask, (value, gate) => gate > 0 ? value : 0)), $"backward to a masked input, {unit}");
                    Assert.That(Conv2dReference.RelativeError(p.Dw, dw), Is.LessThan(tolerance), $"backward to the weights, {unit}");
                }

                first ??= p;
                Assert.That(p.SameBits(first), $"{unit} with {threads} threads gives other bits than {Units[0]} with one.");
            }
        }
    }

    private sealed record Passes(float[] Y, float[] Activated, float[] Dx, float[] MaskedDx, float[] Dw)
    {
        public static Passes Run(Conv2dGeometry g, ConvolutionAlgorithm algorithm, float[] x, float[] weight, float[] bias, float[] dy, float[] mask, VectorUnit unit, int threads)
        {
            using var backend = new CpuBackend(threads) { VectorUnit = unit, Algorithm = algorithm };
            backend.Allocator.Poison = true;
            using DeviceBuffer xBuffer = Upload(backend, x);
            using DeviceBuffer weightBuffer = Upload(backend, weight);
            using DeviceBuffer biasBuffer = Upload(backend, bias);
            using DeviceBuffer dyBuffer = Upload(backend, dy);
            using DeviceBuffer maskBuffer = Upload(backend, mask);
            return new Passes(
                Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, bias: null, relu: false, y)),
                Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, biasBuffer, relu: true, y)),
                Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, mask: null, dx)),
                Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, maskBuffer, dx)),
                Result(backend, g.WeightShape, dw => backend.Conv2dBackwardWeight(g, xBuffer, dyBuffer, dw)));
        }

        public bool SameBits(Passes other) =>
            Same(Y, other.Y) && Same(Activated, other.Activated) && Same(Dx, other.Dx) && Same(Dw, other.Dw);

        private static bool Same(float[] a, float[] b) => MemoryMarshal.AsBytes<float>(a).SequenceEqual(MemoryMarshal.AsBytes<float>(b));

        private static DeviceBuffer Upload(CpuBackend backend, float[] values)
        {
            DeviceBuffer buffer = backend.Allocate(values.Length * sizeof(float));
            backend.Upload(MemoryMarshal.AsBytes<float>(values), buffer);
            return buffer;
        }

        private static float[] Result(CpuBackend backend, Shape shape, Action<DeviceBuffer> compute)
        {
            // A guard after the result catches a store past its end.
            const int Guard = 16;
            float[] values = new float[shape.Count + Guard];
            values.AsSpan().Fill(-77);
            using DeviceBuffer buffer = Upload(backend, values);
            compute(buffer);
            backend.Download(buffer, MemoryMarshal.AsBytes(values.AsSpan()));
            Assert.That(values[^Guard..], Is.All.EqualTo(-77f), "nothing is written past the result");
            return values[..^Guard];
        }
    }
}
