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
        Assert.That(RowPlan.Choose("k", 1, 1000, units).Block, Is.EqualTo(new Dim3(x, y)));

    [Test]
    public void TheGridCoversRowsAndUnits()
    {
        LaunchPlan plan = RowPlan.Choose("k", 1, rows: 7, units: 1000);
        Assert.That(plan.Grid, Is.EqualTo(new Dim3(4, 7)));
        Assert.That(plan.Kernel, Is.EqualTo("k"));
    }

    [Test]
    public void TheGridKeepsToTheHardwaresLimits() =>
        Assert.That(RowPlan.Choose("k", 4, int.MaxValue, int.MaxValue), Is.EqualTo(new LaunchPlan("kx4", new Dim3(65536, 65535), new Dim3(256))));

    [Test]
    public void RefusesCountsBeyond32Bits() => Assert.That(() => RowPlan.Choose("k", 1, 1, 1L << 31), Throws.InstanceOf<OverflowException>());
}
