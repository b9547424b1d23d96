using DilatedKernels.Cli.Commands;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Distributed;

namespace DilatedKernels.Tests.Cli;

public sealed class InGroupTests
{
    [Test]
    public void WhatAllRefuseIsToldByTheFirstBeforeItLeaves()
    {
        string[] told = new string[3];
        int[] codes = new int[3];
        LocalThreads.Run(3, group =>
        {
            using var error = new StringWriter();
            codes[group.Rank] = InGroup.Run(group, error, () => Together.Run<int>(group, () => throw new UserInputException("The folder holds a run already."), _ => { }));
            told[group.Rank] = error.ToString();
            // Nobody has left.
            group.Barrier();
        });
        Assert.That(codes, Is.All.EqualTo(2));
        Assert.That(told, Is.EqualTo(new[] { $"dilated: The folder holds a run already.{Environment.NewLine}", "", "" }));
    }

    [TestCase(1)]
    [TestCase(0)]
    public void WhatFailsOnOneAloneIsToldToTheOthers(int rank)
    {
        Exception?[] errors = LocalThreads.Errors(3, group => InGroup.Run(group, TextWriter.Null, () =>
        {
            if (group.Rank == rank)
            {
                throw new IOException("The disk is full.");
            }

            // Not caught by the one that runs the verb, so that it can be looked at here.
            Exception found = Assert.Catch(group.Barrier)!;
            throw new InvalidOperationException(found.Message);
        }));
        string reason = $"rank {rank} of 3 on host {Environment.MachineName}: The disk is full.";
        Assert.That(errors, Is.All.Not.Null);
        Assert.That(errors.Select(error => error!.Message), Is.All.Contains(reason), string.Join('\n', errors.Select(error => error?.ToString())));
    }

    [Test]
    public void WhatTheGroupTellsIsNotToldAgain()
    {
        string told = "?";
        LocalThreads.Run(1, group =>
        {
            using var error = new StringWriter();
            Assert.That(InGroup.Run(group, error, () => throw new ProcessGroupException("rank 2 of 4 on host a: lost")), Is.EqualTo(1));
            told = error.ToString();
        });
        Assert.That(told, Is.Empty);
    }
}
