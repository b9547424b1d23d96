using DilatedKernels.Cli.Commands;

namespace DilatedKernels.Tests.Cli;

public sealed class PredictionReportTests
{
    private readonly StringWriter _output = new() { NewLine = "\n" };
    private readonly StringWriter _error = new() { NewLine = "\n" };

    [TearDown]
    public void Clear()
    {
        _output.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
    }

    [OneTimeTearDown]
    public void Dispose()
    {
        _output.Dispose();
        _error.Dispose();
    }

    [Test]
    public void TellsInTheOrderOfTheImagesAsSoonAsItCan()
    {
        var report = new PredictionReport(4, _output, _error);
        report.Add(2, new PredictionOutcome(0, "c.png"));
        report.Add(1, new PredictionOutcome(2, "b.jpg: the file is empty."));
        Assert.That((report.Done, $"{_output}{_error}"), Is.EqualTo((2, "")));
        report.Add(0, new PredictionOutcome(0, "a.png"));
        Assert.That($"{_output}", Is.EqualTo("a.png\nc.png\n"));
        Assert.That($"{_error}", Is.EqualTo("dilated: b.jpg: the file is empty.\n"));
        report.Add(3, new PredictionOutcome(0, "d.png"));
        Assert.That(report.End(), Is.EqualTo(1));
        Assert.That($"{_output}", Is.EqualTo("a.png\nc.png\nd.png\n"));
        Assert.That($"{_error}", Is.EqualTo("dilated: b.jpg: the file is empty.\ndilated: 1 of 4 images failed; the others are done.\n"));
    }

    [Test]
    public void TellsOfARunThatWasInterruptedWhatWasDone()
    {
        var report = new PredictionReport(5, _output, _error);
        report.Add(4, new PredictionOutcome(0, "e.png"));
        report.Add(3, new PredictionOutcome(2, "d.jpg: the file is empty."));
        report.Add(1, new PredictionOutcome(0, "b.png"));
        report.TellRest();
        Assert.That($"{_output}", Is.EqualTo("b.png\ne.png\n"));
        Assert.That($"{_error}", Is.EqualTo("dilated: d.jpg: the file is empty.\n"));
    }

    [TestCase(0, "a.png\n", "")]
    [TestCase(2, "", "dilated: a.png\n")]
    public void OneImageNeedsNoSum(int code, string output, string error)
    {
        var report = new PredictionReport(1, _output, _error);
        report.Add(0, new PredictionOutcome(code, "a.png"));
        Assert.That(report.End(), Is.EqualTo(code));
        Assert.That(($"{_output}", $"{_error}"), Is.EqualTo((output, error)));
    }

    [Test]
    public void AnOutcomeComesAsItWasSent()
    {
        var outcome = new PredictionOutcome(2, "später.jpg: the file is empty.");
        Assert.That(PredictionOutcome.Of(outcome.ToBytes()), Is.EqualTo(outcome));
    }
}
