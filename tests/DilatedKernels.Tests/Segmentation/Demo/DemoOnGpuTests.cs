using DilatedKernels.Tests.Backends.Cuda;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Demo;

/// <summary>The demo's first steps on this machine's GPU: what <see cref="DemoOnHostTests"/> asks of the kernels on the processor.</summary>
[Category("Gpu")]
[NonParallelizable]
public class DemoOnGpuTests
{
    [Test]
    public void TwentyStepsFollowTheProcessorAndRepeatTheirBits()
    {
        float[] first = DemoOnHostTests.Train(Gpu.Open());
        Assert.That(DemoOnHostTests.Train(Gpu.Open()), Is.EqualTo(first), "the same steps again");

        float[] cpu = DemoOnHostTests.Train(TestDevices.Cpu(2));
        Assert.That(first, Is.EqualTo(cpu).Within(1e-4f));
        Assert.That(cpu[^1], Is.Not.EqualTo(cpu[0]).Within(1e-2f), "the losses move");
    }
}
