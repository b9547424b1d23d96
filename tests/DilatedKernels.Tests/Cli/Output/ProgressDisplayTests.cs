using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Tests.Cli.Output;

/// <summary>The line of progress that is written over.</summary>
public class ProgressDisplayTests
{
    [TestCase(20, "step 1/3")]
    [TestCase(8, "step 1/")]
    [TestCase(1, "s")]
    [TestCase(80, "step 1/3  loss 0.5000  0:10 left  2.0 images/s  lr 0.001")]
    public void TakesOneLineOfTheNarrowestTerminal(int columns, string expected)
    {
        using var text = new StringWriter { NewLine = "\n" };
        using var writer = new VisibleWriter(text, ScreenTests.Make(columns, environment: ("TERM", "xterm")));
        ProgressDisplay.For(writer).Training(new TrainingProgress(1, 3, 0.5f, 0.001f, 2, TimeSpan.FromSeconds(10), null, false, null));
        Assert.That(text.ToString(), Is.EqualTo($"\r{expected}\n"));
    }
}
