using System.Runtime.CompilerServices;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Plans;

public class OptimizerPlanTests
{
    [Test]
    public void NumbersTheBlocksOfAllParametersInOneLaunch()
    {
        OptimizerEntry[] entries = [new() { Count = 1 }, new() { Count = 4096 }, new() { Count = 4097 }, new() { Count = 10 }];
        LaunchPlan plan = OptimizerPlan.Choose("sgd_f32", entries);
        Assert.That(plan.Grid, Is.EqualTo(new Dim3(5)));
        Assert.That(entries.Select(e => e.FirstBlock), Is.EqualTo(new long[] { 0, 1, 2, 4 }));
    }

    [Test]
    public void AnEntryHasTheKernelsLayout() => Assert.That(Unsafe.SizeOf<OptimizerEntry>(), Is.EqualTo(56));

    [TestCase(0, 1u)]
    [TestCase(4096, 1u)]
    [TestCase(4097, 2u)]
    [TestCase(1L << 40, 1024u)]
    public void PartialSumsFollowFromTheCountAlone(long count, uint blocks) => Assert.That(SumPlan.SquaresPartial(count).Grid, Is.EqualTo(new Dim3(blocks)));
}
