using DilatedKernels.Cli;

namespace DilatedKernels.Tests.Cli;

/// <summary>What is said of a process that has ended, by the one that waited for it. <see cref="DistributedFaultTests"/> has them under mpirun.</summary>
public class RankSupervisorTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3)]
    [TestCase(130, Description = "Ctrl-C: the command has told")]
    [TestCase(143)]
    public void WhatTheCommandHasToldIsNotToldAgain(int exitCode) => Assert.That(RankSupervisor.Describe(exitCode, 4711, 1, 3), Is.Null);

    [Test]
    public void ASignalIsToldWithRankHostAndProcess()
    {
        string whose = $"rank 1 of 3 on host {Environment.MachineName}: ";
        Assert.That(RankSupervisor.Describe(139, 4711, 1, 3), Is.EqualTo($"{whose}signal 11 ended its process, PID 4711"));
        Assert.That(RankSupervisor.Describe(137, 4711, 1, 3), Is.EqualTo($"{whose}signal 9 ended its process, PID 4711, as the system does where memory runs out"));
    }

    [Test]
    public void EmptyWordsStayInTheirPlaces() =>
        Assert.That(RankSupervisor.Words("dilated\0predict\0--class-names\0\0in put\0\0"), Is.EqualTo(new[] { "dilated", "predict", "--class-names", "", "in put", "" }));

    [Test]
    public void WithoutMpichsMpirunTheCommandRunsByItself()
    {
        Assume.That(Environment.GetEnvironmentVariable("HYDI_CONTROL_FD"), Is.Null);
        Assert.That(RankSupervisor.Run(TextWriter.Null), Is.Null);
    }
}
