using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Plans;

public sealed class PlanTests
{
    [TestCase(1, 1u)]
    [TestCase(1024, 1u)]
    [TestCase(1025, 2u)]
    [TestCase(10_000_000_000, 1056u)]
    public void ElementwiseCoversAllElementsWithABoundedGrid(long count, uint blocks) =>
        Assert.That(ElementwisePlan.Choose("add_f32", count), Is.EqualTo(new LaunchPlan("add_f32", new Dim3(blocks), new Dim3(256))));

    [TestCase(0, 1)]
    [TestCase(1, 1)]
    [TestCase(257, 33)]
    [TestCase(8 * 66 * 66, 64)]
    [TestCase(3_000_000_000, 21)]
    public void BiasSlicesCoverAllPositions(long positions, int channels)
    {
        BiasPlan plan = BiasPlan.Choose(positions, channels, ElementType.Float32);
        Assert.That((long)plan.Slices * plan.SlicePositions, Is.GreaterThanOrEqualTo(positions));
        Assert.That((plan.Slices - 1L) * plan.SlicePositions, Is.LessThanOrEqualTo(positions), "no slice begins past the end");
        Assert.That(plan.Partial.Grid.Y, Is.EqualTo((uint)plan.Slices).And.LessThanOrEqualTo(65535u));
        Assert.That(plan.Partial.Grid.X * 32, Is.GreaterThanOrEqualTo((uint)channels));
        Assert.That(plan.Finish.Grid.X * 8, Is.GreaterThanOrEqualTo((uint)channels));
    }
}
