using DilatedKernels.Cli.Commands;
using DilatedKernels.Tests.Distributed;

namespace DilatedKernels.Tests.Cli;

public class SharedProcessorsTests
{
    [TestCase(8, 1, 8)]
    [TestCase(8, 3, 2)]
    [TestCase(2, 2, 1)]
    [TestCase(1, 4, 1)]
    public void ThreadsOfAllAreNoMoreThanTheCoresWhereThatCanBe(int cores, int processes, int threads) =>
        Assert.That(SharedProcessors.Share(cores, processes), Is.EqualTo(threads));

    [Test]
    public void ProcessesOfOneMachineShareItsCores([Values(1, 2, 3)] int processes) =>
        LocalThreads.Run(processes, group => Assert.That(SharedProcessors.Share(group), Is.EqualTo(Math.Max(1, Environment.ProcessorCount / processes))));
}
