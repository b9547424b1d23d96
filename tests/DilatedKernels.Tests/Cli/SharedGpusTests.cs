using DilatedKernels.Cli.Commands;
using DilatedKernels.Tests.Distributed;

namespace DilatedKernels.Tests.Cli;

public sealed class SharedGpusTests
{
    [TestCase(0, 4, 0)]
    [TestCase(3, 4, 3)]
    [TestCase(3, 1, 0)]
    [TestCase(3, 2, 3)]
    public void EachProcessTakesItsOwnOrTheOnlyOneThatItSees(int localRank, int visible, int ordinal) =>
        Assert.That(SharedGpus.Ordinal(localRank, visible), Is.EqualTo(ordinal));

    [Test]
    public void AllKnowWhichProcessHasNoneAndWhy([Values] bool allHaveOne)
    {
        string?[] found = new string?[3];
        LocalThreads.Run(3, group => found[group.Rank] = SharedGpus.WhyNot(group, allHaveOne || group.Rank != 1 ? null : "There is no CUDA device 1."));
        Assert.That(found, Is.All.EqualTo(allHaveOne ? null : $"rank 1 of 3 on host {Environment.MachineName} has no GPU that can be used: There is no CUDA device 1."));
    }
}
