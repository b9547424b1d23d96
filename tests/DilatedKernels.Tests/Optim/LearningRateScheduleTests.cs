using DilatedKernels.Optim;

namespace DilatedKernels.Tests.Optim;

public class LearningRateScheduleTests
{
    [Test]
    public void ConstantStays() => Assert.That(new ConstantSchedule(0.1f).At(1_000_000), Is.EqualTo(0.1f));

    [TestCase(0, 0.5f)]
    [TestCase(99, 0.5f)]
    [TestCase(100, 0.05f)]
    [TestCase(299, 0.005f)]
    public void StepFallsEveryHundred(long step, float expected) =>
        Assert.That(new StepSchedule(0.5f, 0.1f, 100).At(step), Is.EqualTo(expected).Within(1e-6f * expected));

    [TestCase(0, 2f)]
    [TestCase(50, 0.5f)]
    [TestCase(90, 0.02f)]
    [TestCase(100, 0f)]
    [TestCase(101, 0f)]
    public void PolyFallsToZero(long step, float expected) =>
        Assert.That(new PolySchedule(2f, 2f, 100).At(step), Is.EqualTo(expected).Within(1e-6f));

    [Test]
    public void PolyEndsAtZeroWhateverItsPower()
    {
        var constant = new PolySchedule(2f, 0f, 100);
        Assert.That(constant.At(99), Is.EqualTo(2f));
        Assert.That(constant.At(100), Is.Zero);
    }

    [TestCase(0, 2f)]
    [TestCase(25, 1.7071068f)]
    [TestCase(50, 1f)]
    [TestCase(75, 0.29289322f)]
    [TestCase(100, 0f)]
    [TestCase(101, 0f)]
    public void CosineFallsToZero(long step, float expected) =>
        Assert.That(new CosineSchedule(2f, 100).At(step), Is.EqualTo(expected).Within(1e-6f));

    [TestCase(0, 0.25f)]
    [TestCase(1, 0.5f)]
    [TestCase(3, 1f)]
    [TestCase(4, 1f)]
    public void AWarmUpRisesToTheRate(long step, float expected) =>
        Assert.That(new WarmUpSchedule(new ConstantSchedule(1f), 4).At(step), Is.EqualTo(expected));

    [Test]
    public void AWarmUpLeavesTheRestOfItsScheduleAlone()
    {
        var poly = new PolySchedule(0.5f, 0.9f, 20);
        var warm = new WarmUpSchedule(poly, 5);
        Assert.That(warm.At(1), Is.EqualTo(poly.At(1) * 0.4f).Within(1e-4).Percent, "the rate of step 1 is that of the schedule, times 2/5");
        Assert.That(Enumerable.Range(4, 18).Select(step => warm.At(step)), Is.EqualTo(Enumerable.Range(4, 18).Select(step => poly.At(step))));
    }

    [Test]
    public void RefusesNoSteps()
    {
        Assert.That(() => new CosineSchedule(1, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("1 or more"));
        Assert.That(() => new WarmUpSchedule(new ConstantSchedule(1), 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("1 step or more"));
        Assert.That(() => new StepSchedule(1, 1, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("1 step or more"));
        Assert.That(() => new PolySchedule(1, 1, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("1 or more"));
    }
}
