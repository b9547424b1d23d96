using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;
using DilatedKernels.Tests.Backends.Cuda.Conv2d;

namespace DilatedKernels.Tests.Backends.Cpu;

/// <summary>bfloat16 on the processor is the float32 operation between roundings, to the bit.</summary>
public class WideningBackendTests
{
    private static readonly Conv2dGeometry[] Geometries =
        [new(2, 21, 9, 8, 11, 3, 3, 1, 1, 2, 2, 2, 2), new(1, 64, 7, 7, 33, 3, 3, 1, 1, 1, 1, 1, 1), new(1, 3, 10, 9, 8, 5, 3, 2, 2, 1, 1, 2, 1)];

    [TestCaseSource(nameof(Geometries))]
    public void ConvolutionsRoundWeightsBeforeAndResultsAfter(object boxed)
    {
        var g = (Conv2dGeometry)boxed;
        var cpu = new CpuBackend(2);
        cpu.Allocator.Poison = true;
        using var backend = new WideningBackend(cpu);
        var random = new RandomSequence(1, g.ToString());
        float[] x = Conv2dCases.Values(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        float[] bias = Conv2dCases.Values(random, g.OutChannels);
        float[] dy = Conv2dCases.Values(random, g.OutShape.Count);
        (float[] narrowY, float[] narrowDx, float[] narrowDw) = Passes(x, weight, dy, ElementType.BFloat16);
        (float[] y, float[] dx, float[] dw) = Passes(Rounded(x), Rounded(weight), Rounded(dy), ElementType.Float32);
        Assert.That(narrowY, Is.EqualTo(Rounded(y)));
        Assert.That(narrowDx, Is.EqualTo(Rounded(dx)));
        Assert.That(narrowDw, Is.EqualTo(dw));
        Assert.That(backend.Memory.LiveBuffers, Is.Zero, "scratch memory is freed");

        (float[] Y, float[] Dx, float[] Dw) Passes(float[] x, float[] weight, float[] dy, ElementType type)
        {
            using DeviceBuffer xBuffer = HostBackend.Upload(backend, x, type);
            using DeviceBuffer weightBuffer = HostBackend.Upload(backend, weight);
            using DeviceBuffer biasBuffer = HostBackend.Upload(backend, bias);
            using DeviceBuffer dyBuffer = HostBackend.Upload(backend, dy, type);
            return (
                HostBackend.Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, biasBuffer, relu: true, y), type),
                HostBackend.Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, xBuffer, dx), type),
                HostBackend.Result(backend, g.WeightShape, dw => backend.Conv2dBackwardWeight(g, xBuffer, dyBuffer, dw)));
        }
    }

    private static float[] Rounded(float[] values) => Array.ConvertAll(values, v => BFloat16.Widen(BFloat16.Round(v)));
}
