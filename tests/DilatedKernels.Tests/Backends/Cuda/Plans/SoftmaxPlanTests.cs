using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Plans;

public class SoftmaxPlanTests
{
    [TestCase(1, "k_f32_c8")]
    [TestCase(8, "k_f32_c8")]
    [TestCase(9, "k_f32_c16")]
    [TestCase(19, "k_f32_c24")]
    [TestCase(21, "k_f32_c24")]
    [TestCase(33, "k_f32_c48")]
    [TestCase(64, "k_f32_c64")]
    [TestCase(65, "k_f32_wide")]
    [TestCase(1000, "k_f32_wide")]
    public void TakesTheNearestPaddedCount(int channels, string kernel) => Assert.That(SoftmaxPlan.Choose("k", ElementType.Float32, 1, channels).Kernel, Is.EqualTo(kernel));

    [TestCase(21, "k_bf16_c24")]
    [TestCase(65, "k_bf16_wide")]
    public void TheTypeIsInTheName(int channels, string kernel) => Assert.That(SoftmaxPlan.Choose("k", ElementType.BFloat16, 1, channels).Kernel, Is.EqualTo(kernel));

    [Test]
    public void NeedsNoPermissionForItsSharedMemory([Range(1, 64)] int channels)
    {
        LaunchPlan plan = SoftmaxPlan.Choose("k", ElementType.Float32, 1, channels);
        Assert.That(plan.SharedBytes, Is.GreaterThanOrEqualTo(128 * channels * sizeof(float)).And.LessThanOrEqualTo(48 << 10));
        Assert.That(plan.SharedBytes / (128 * sizeof(float)) % 2, Is.EqualTo(1), "an even distance between pixels would meet in the same banks");
    }

    [Test]
    public void EveryPixelHasAThreadOrAWarp()
    {
        Assert.That(SoftmaxPlan.Choose("k", ElementType.Float32, 129, 21).Grid, Is.EqualTo(new Dim3(2)));
        Assert.That(SoftmaxPlan.Choose("k", ElementType.Float32, 129, 100).Grid, Is.EqualTo(new Dim3(17)));
    }
}
