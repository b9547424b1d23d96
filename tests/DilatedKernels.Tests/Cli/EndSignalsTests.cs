using System.Runtime.InteropServices;
using DilatedKernels.Cli;
using DilatedKernels.Cli.Commands;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Tests.Cli;

[NonParallelizable]
public sealed class EndSignalsTests
{
    [Test]
    public void AVerbThatDoesNotEndIsEndedAndItIsSaid()
    {
        using var error = new StringWriter();
        var ended = new TaskCompletionSource<int>();
        using var signals = new EndSignals(error, "dilated: ", "the last checkpoint is intact", TimeSpan.FromMinutes(0.001), ended.SetResult);
        signals.Handle(new PosixSignalContext(PosixSignal.SIGINT));
        Assert.That(signals.Token.IsCancellationRequested);
        Assert.That(ended.Task.Wait(TimeSpan.FromSeconds(30)));
        Assert.That(ended.Task.Result, Is.EqualTo(130));
        Assert.That(error.ToString(), Does.StartWith("dilated: not done 0 minutes after the signal to end"));
    }

    [TestCase(false, PosixSignal.SIGINT, true)]
    [TestCase(false, PosixSignal.SIGTERM, true)]
    [TestCase(true, PosixSignal.SIGINT, true)]
    [TestCase(true, PosixSignal.SIGTERM, false)]
    public void ASignalThatComesAgainIsAnsweredUnlessMpirunSendsIt(bool isInGroup, PosixSignal second, bool isAnswered)
    {
        using var error = new StringWriter();
        using var signals = new EndSignals(error, "dilated: ", "the last checkpoint is intact", TimeSpan.FromMinutes(1), _ => { }, isInGroup);
        signals.Handle(new PosixSignalContext(PosixSignal.SIGINT));
        Assert.That(error.ToString(), Is.Empty);
        signals.Handle(new PosixSignalContext(second));
        signals.Handle(new PosixSignalContext(second));
        Assert.That(error.ToString(), Is.EqualTo(isAnswered ? $"dilated: already ending; what was done is being saved.{Environment.NewLine}" : ""));
    }

    [TestCase(true, "train", "data", "--distributed")]
    [TestCase(false, "train", "data")]
    [TestCase(false, "devices")]
    public void AProcessOfAGroupIsKnownByItsOption(bool expected, params string[] arguments) =>
        Assert.That(GroupOption.IsGiven(CommandLine.Build().Parse(arguments)), Is.EqualTo(expected));
}
