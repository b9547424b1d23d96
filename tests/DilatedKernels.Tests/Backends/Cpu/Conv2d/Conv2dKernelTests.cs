using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

/// <summary>The three convolution passes against double-precision loops, on memory that is NaN until written.</summary>
public class Conv2dKernelTests
{
    private const double Tolerance = 1e-5;

    private static IEnumerable<Conv2dGeometry> Geometries()
    {
        // Kernel × dilation × padding × stride on a small map.
        foreach (int kernel in (int[])[1, 3, 5, 7])
        {
            foreach (int dilation in (int[])[1, 2, 3, 16, 40])
            {
                foreach (int stride in (int[])[1, 2, 3])
                {
                    int same = dilation * (kernel - 1) / 2;
                    foreach (int pad in new[] { 0, 1, same, same + 3 }.Distinct())
                    {
                        yield return new Conv2dGeometry(1, 3, 13, 17, 5, kernel, kernel, stride, stride, dilation, dilation, pad, pad);
                    }
                }
            }
        }

        // Channels, with the tails of every vector width and more than one panel.
        foreach (int inChannels in (int[])[1, 3, 8, 11, 21, 33, 64])
        {
            foreach (int outChannels in (int[])[1, 2, 3, 4, 7, 8, 11, 16, 21, 24, 33, 48, 64, 65, 130])
            {
                yield return new Conv2dGeometry(1, inChannels, 5, 7, outChannels, 3, 3, 1, 1, 1, 1, 1, 1);
            }
        }

        // Rectangles in everything, batches.
        yield return new Conv2dGeometry(3, 3, 9, 31, 8, 1, 5, 1, 1, 1, 1, 0, 2);
        yield return new Conv2dGeometry(3, 8, 9, 31, 3, 5, 1, 1, 1, 2, 1, 4, 0);
        yield return new Conv2dGeometry(2, 5, 20, 11, 11, 3, 7, 2, 1, 3, 1, 5, 0);
        yield return new Conv2dGeometry(2, 5, 20, 40, 11, 2, 4, 1, 3, 1, 3, 0, 6);
        yield return new Conv2dGeometry(3, 21, 6, 6, 21, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(3, 4, 1, 1, 20, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(3, 4, 7, 5, 20, 1, 1, 2, 3, 1, 1, 1, 2);
        yield return new Conv2dGeometry(1, 4, 40, 3, 20, 3, 3, 1, 1, 1, 1, 1, 1);
        // The reduction in several chunks: by taps, and by channels within a tap.
        yield return new Conv2dGeometry(1, 64, 9, 8, 7, 7, 7, 1, 1, 2, 2, 6, 6);
        yield return new Conv2dGeometry(2, 700, 4, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(2, 5, 4, 3, 700, 3, 3, 1, 1, 1, 1, 1, 1);
        // Rows longer than a block of the weight gradient, and many short rows.
        yield return new Conv2dGeometry(1, 2, 3, 2500, 3, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(2, 2, 1500, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(1, 2, 2, 3000, 3, 1, 1, 1, 1, 1, 1, 0, 0);
    }

    private static IEnumerable<Conv2dGeometry> Valid() => Geometries().Where(g => g.OutHeight > 0 && g.OutWidth > 0);

    private static readonly VectorUnit[] Units =
        [new(16, 32, false), new(16, 32, true), new(8, 32, false), new(8, 16, false), new(4, 16, false)];

    [TestCaseSource(nameof(Valid))]
    public void AgreesWithDefinition(object boxed)
    {
        var g = (Conv2dGeometry)boxed;
        var random = new RandomSequence(1, g.ToString());
        float[] x = Values(random, g.InShape.Count);
        float[] weight = Values(random, g.WeightShape.Count);
        float[] bias = Values(random, g.OutChannels);
        float[] dy = Values(random, g.OutShape.Count);
        double[] y = Conv2dReference.Forward(g, x, weight, bias: null, relu: false);
        double[] activated = Conv2dReference.Forward(g, x, weight, bias, relu: true);
        double[] dx = Conv2dReference.BackwardInput(g, dy, weight);
        double[] dw = Conv2dReference.BackwardWeight(g, x, dy);

        Passes? first = null;
        foreach (VectorUnit unit in Units)
        {
            foreach (int threads in (int[])[1, 2])
            {
                Passes p = Passes.Run(g, x, weight, bias, dy, unit, threads);
                using (Assert.EnterMultipleScope())
                {
                    Assert.That(Conv2dReference.RelativeError(p.Y, y), Is.LessThan(Tolerance), $"forward, {unit}");
                    Assert.That(Conv2dReference.RelativeError(p.Activated, activated), Is.LessThan(Tolerance), $"forward with bias and ReLU, {unit}");
                    Assert.That(Conv2dReference.RelativeError(p.Dx, dx), Is.LessThan(Tolerance), $"backward to the input, {unit}");
                    Assert.That(Conv2dReference.RelativeError(p.Dw, dw), Is.LessThan(Tolerance), $"backward to the weights, {unit}");
                }

                first ??= p;
                Assert.That(p.SameBits(first), $"{unit} with {threads} threads gives other bits than {Units[0]} with one.");
            }
        }
    }

    private static float[] Values(RandomSequence random, long count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)((2 * random.NextDouble()) - 1);
        }

        return values;
    }

    private sealed record Passes(float[] Y, float[] Activated, float[] Dx, float[] Dw)
    {
        public static Passes Run(Conv2dGeometry g, float[] x, float[] weight, float[] bias, float[] dy, VectorUnit unit, int threads)
        {
            using var backend = new CpuBackend(threads) { VectorUnit = unit };
            backend.Allocator.Poison = true;
            using DeviceBuffer xBuffer = Upload(backend, x);
            using DeviceBuffer weightBuffer = Upload(backend, weight);
            using DeviceBuffer biasBuffer = Upload(backend, bias);
            using DeviceBuffer dyBuffer = Upload(backend, dy);
            return new Passes(
                Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, bias: null, relu: false, y)),
                Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, biasBuffer, relu: true, y)),
                Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, dx)),
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
