using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>Training steps over every operator on this machine's GPU: what <see cref="FiberOrderTests"/> asks of the kernels on the processor.</summary>
[Category("Gpu")]
[NonParallelizable]
public class GpuStepTests
{
    [TestCase(21, 27)]
    [TestCase(7, 9)]
    public void RepeatsItsBitsAndAgreesWithTheProcessor(int height, int width)
    {
        uint[] first = FiberOrderTests.TrainOn(Gpu.Open(), height, width);
        Assert.That(FiberOrderTests.TrainOn(Gpu.Open(), height, width), Is.EqualTo(first), "the same steps again");

        float[] gpu = [.. first.Select(BitConverter.UInt32BitsToSingle)];
        double[] cpu = [.. FiberOrderTests.TrainOn(TestDevices.Cpu(2), height, width).Select(bits => (double)BitConverter.UInt32BitsToSingle(bits))];
        Assert.That(OperatorCheck.RelativeError(gpu, cpu), Is.LessThan(OperatorCheck.Tolerance));
    }
}
