using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Tests.Backends.Cuda.Plans;

public class CopyBlockPlanTests
{
    [Test]
    public void WholePixelsAreOneRunARow()
    {
        var crop = new BlockCopy(new Shape(2, 8, 10, 12), new Shape(0, 0, 1, 2), new Shape(2, 8, 5, 6), new Shape(0, 0, 0, 0), new Shape(2, 8, 5, 6));
        var plan = CopyBlockPlan.Choose(crop, ElementType.Float32);
        Assert.That(plan.Launch.Kernel, Is.EqualTo("copy_block_x16"));
        Assert.That((plan.Rows, plan.Segments, plan.Run), Is.EqualTo((10, 1, 12)));
        Assert.That(plan.From, Is.EqualTo(new CopySteps(240, 24, 2)));
        Assert.That(plan.SourceStart, Is.EqualTo((12 + 2) * 8 * 4));
    }

    [Test]
    public void ChannelsOfOneTensorAreOneRunAPixel()
    {
        var concat = new BlockCopy(new Shape(1, 3, 2, 5), default, new Shape(1, 11, 2, 5), new Shape(0, 8, 0, 0), new Shape(1, 3, 2, 5));
        var plan = CopyBlockPlan.Choose(concat, ElementType.Float32);
        Assert.That(plan.Launch.Kernel, Is.EqualTo("copy_block_x4"));
        Assert.That((plan.Rows, plan.Segments, plan.Run), Is.EqualTo((2, 5, 3)));
        Assert.That((plan.SourceStart, plan.TargetStart), Is.EqualTo((0L, 32L)));
        Assert.That(plan.To, Is.EqualTo(new CopySteps(110, 55, 11)));
    }

    [Test]
    public void AStartOffMultiplesOf16BytesTakesSmallerUnits()
    {
        var part = new BlockCopy(new Shape(1, 8, 2, 2), new Shape(0, 2, 0, 0), new Shape(1, 4, 2, 2), default, new Shape(1, 4, 2, 2));
        Assert.That(CopyBlockPlan.Choose(part, ElementType.Float32).Launch.Kernel, Is.EqualTo("copy_block_x4"));
    }

    [TestCase(8, 0, "copy_block_x16", 12)]
    [TestCase(6, 0, "copy_block_x4", 36)]
    [TestCase(8, 2, "copy_block_x4", 48)]
    [TestCase(7, 0, "copy_block_x2", 84)]
    [TestCase(8, 3, "copy_block_x2", 96)]
    public void HalvesAreCopiedInTheLargestUnitThatFits(int channels, int firstChannel, string kernel, int unitsInARow)
    {
        var source = new Shape(1, channels, 2, 12);
        var target = new Shape(1, channels + firstChannel, 2, 12);
        var plan = CopyBlockPlan.Choose(new BlockCopy(source, default, target, new Shape(0, firstChannel, 0, 0), source), ElementType.BFloat16);
        Assert.That(plan.Launch.Kernel, Is.EqualTo(kernel));
        Assert.That(plan.Segments * plan.Run, Is.EqualTo(unitsInARow));
        Assert.That(plan.TargetStart, Is.EqualTo(firstChannel * 2));
    }

    [Test]
    public void OffsetsPass32Bits()
    {
        var far = new BlockCopy(new Shape(9, 64, 2048, 2048), new Shape(8, 0, 0, 0), new Shape(1, 64, 1, 1), default, new Shape(1, 64, 1, 1));
        Assert.That(CopyBlockPlan.Choose(far, ElementType.Float32).SourceStart, Is.EqualTo(8L * 4 * 64 * 2048 * 2048));
    }
}
