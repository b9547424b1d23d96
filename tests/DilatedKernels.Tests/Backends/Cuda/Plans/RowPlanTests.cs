using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Plans;

public class RowPlanTests
{
    [TestCase(1, 1u, 256u)]
    [TestCase(3, 4u, 64u)]
    [TestCase(64, 64u, 4u)]
    [TestCase(200, 256u, 1u)]
    [TestCase(100_000, 256u, 1u)]
    public void ShortRowsShareABlock(int units, uint x, uint y) =>
        Assert.That(RowPlan.Choose("k", ElementType.Float32, 1, 1000, units).Block, Is.EqualTo(new Dim3(x, y)));

    [Test]
    public void TheGridCoversRowsAndUnits()
    {
        LaunchPlan plan = RowPlan.Choose("k", ElementType.Float32, 1, rows: 7, units: 1000);
        Assert.That(plan.Grid, Is.EqualTo(new Dim3(4, 7)));
        Assert.That(plan.Kernel, Is.EqualTo("k_f32"));
    }

    [Test]
    public void TheGridKeepsToTheHardwaresLimits() =>
        Assert.That(RowPlan.Choose("k", ElementType.Float32, 4, int.MaxValue, int.MaxValue), Is.EqualTo(new LaunchPlan("k_f32x4", new Dim3(65536, 65535), new Dim3(256))));

    [TestCase(21, ElementType.Float32, ExpectedResult = "k_f32")]
    [TestCase(20, ElementType.Float32, ExpectedResult = "k_f32x4")]
    [TestCase(20, ElementType.BFloat16, ExpectedResult = "k_bf16", Description = "a pixel of 40 bytes does not start at a multiple of 16")]
    [TestCase(24, ElementType.BFloat16, ExpectedResult = "k_bf16x8")]
    public string UnitsAre128BitsWhereThePixelsAllow(int channels, ElementType type) =>
        RowPlan.Choose("k", type, RowPlan.Width(channels, type), 1, 1).Kernel;

    [Test]
    public void RefusesCountsBeyond32Bits() => Assert.That(() => RowPlan.Choose("k", ElementType.Float32, 1, 1, 1L << 31), Throws.InstanceOf<OverflowException>());
}
