using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Tests.Cli.Output;

/// <summary>Tables whose names come from files.</summary>
public class TablesTests
{
    [Test]
    public void ABreakInAClassNameIsNoRow()
    {
        using var text = new StringWriter { NewLine = "\n" };
        Tables.WriteScores(text, ConfusionMatrix.FromCounts(4, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), ["a\nmean IoU  99.00 %", "b,\"c\"", "d\te\r", "f\u2028g"]);
        string[] lines = text.ToString().TrimEnd().Split('\n');
        Assert.That(lines, Has.Length.EqualTo(7), text.ToString());
        Assert.That(lines[0], Does.StartWith("a\\u000amean IoU  99.00 %  100.00 %"));
        Assert.That(lines[1], Does.StartWith("b,\"c\"  "));
        Assert.That(lines[6], Does.EndWith("d\\u0009e\\u000d, f\\u2028g"));
        Assert.That(lines[..6].Select(line => line.LastIndexOf("  ", StringComparison.Ordinal)), Is.All.GreaterThan(20), "one column");
    }
}
