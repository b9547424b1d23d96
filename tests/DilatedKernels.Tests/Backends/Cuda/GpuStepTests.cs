using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>Training steps over every operator on this machine's GPU: what <see cref="FiberOrderTests"/> asks of the kernels on the processor.</summary>
[Category("Gpu")]
[NonParallelizable]
public class GpuStepTests
{
    [TestCase(21, 27, ElementType.Float32, OperatorCheck.Tolerance)]
    [TestCase(7, 9, ElementType.Float32, OperatorCheck.Tolerance)]
    [TestCase(21, 27, ElementType.BFloat16, OperatorCheck.BFloat16Tolerance)]
    public void RepeatsItsBitsAndAgreesWithTheProcessor(int height, int width, ElementType type, double tolerance)
    {
        uint[] first = FiberOrderTests.TrainOn(Gpu.Open(), height, width, type);
        Assert.That(FiberOrderTests.TrainOn(Gpu.Open(), height, width, type), Is.EqualTo(first), "the same steps again");

        float[] gpu = [.. first.Select(BitConverter.UInt32BitsToSingle)];
        double[] cpu = [.. FiberOrderTests.TrainOn(TestDevices.Cpu(2), height, width, type).Select(bits => (double)BitConverter.UInt32BitsToSingle(bits))];
        Assert.That(OperatorCheck.RelativeError(gpu, cpu), Is.LessThan(tolerance));
    }
}
