using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Plans;

public class UpsampleCrossEntropyPlanTests
{
    [TestCase(1, "upsample_cross_entropy_f32_c8")]
    [TestCase(21, "upsample_cross_entropy_f32_c24")]
    [TestCase(25, "upsample_cross_entropy_f32_c32")]
    [TestCase(33, "upsample_cross_entropy_f32_c48")]
    [TestCase(49, "upsample_cross_entropy_f32_c64")]
    [TestCase(65, "upsample_cross_entropy_f32_c96")]
    [TestCase(256, "upsample_cross_entropy_f32_c256")]
    public void TakesTheNearestCount(int channels, string kernel) => Assert.That(Choose(channels, 4, 32).Launch.Kernel, Is.EqualTo(kernel));

    [Test]
    public void TheReferenceShapeHasEvenTilesOfOneColumnAThread()
    {
        var geometry = new UpsampleGeometry(8, 21, ResampleAxis.HalfPixel(66, 528), ResampleAxis.HalfPixel(66, 528));
        var plan = UpsampleCrossEntropyPlan.Choose(ElementType.BFloat16, geometry);
        Assert.That((plan.Cells, plan.Tiles), Is.EqualTo((14, 5)), "15 times 8 outputs a block, with those that the cell before shares");
        Assert.That(plan.Launch.Grid, Is.EqualTo(new Dim3(8 * 66 * 5)));
        Assert.That(plan.Launch.Kernel, Is.EqualTo("upsample_cross_entropy_bf16_c24"));
    }

    [Test]
    public void EveryCellHasOneBlockAndEveryBlockItsMemory([Values(1, 8, 21, 24, 32, 64, 100, 256)] int channels, [Values(1, 2, 7, 66, 500)] int cells, [Values(1, 3, 66, 528, 1000)] int outputs)
    {
        UpsampleCrossEntropyPlan plan = Choose(channels, cells, outputs);
        Assert.That(plan.Cells, Is.InRange(1, cells));
        Assert.That((plan.Tiles - 1) * plan.Cells, Is.LessThan(cells));
        Assert.That(plan.Tiles * plan.Cells, Is.GreaterThanOrEqualTo(cells));
        int columns = 128 / LanesOf(plan.Launch.Kernel);
        Assert.That(plan.Launch.SharedBytes, Is.EqualTo(4 * ((2 * columns * (channels | 1)) + (2 * (plan.Cells + 2) * channels))).And.LessThanOrEqualTo(48 << 10));
    }

    [Test]
    public void ABlockHasNoMoreOutputsThanThreads([Values(3, 21, 40, 150)] int channels, [Values(16, 20, 66)] int cells, [Values(1, 2, 3, 8)] int scale)
    {
        UpsampleCrossEntropyPlan plan = Choose(channels, cells, scale * cells);
        int columns = 128 / LanesOf(plan.Launch.Kernel);
        Assert.That((plan.Cells + 1) * scale, Is.LessThanOrEqualTo(columns + scale), "but for the borders, where fewer read");
        Assert.That(plan.Tiles == 1 || (plan.Cells + 1) * scale <= columns);
    }

    private static UpsampleCrossEntropyPlan Choose(int channels, int cells, int outputs) =>
        UpsampleCrossEntropyPlan.Choose(ElementType.Float32, new UpsampleGeometry(2, channels, ResampleAxis.HalfPixel(3, 5), ResampleAxis.HalfPixel(cells, outputs)));

    private static int LanesOf(string kernel) => kernel.Split("_c")[^1] switch { "8" or "16" or "24" => 1, "32" or "48" => 2, "64" or "96" => 4, _ => 8 };
}
