using System.Globalization;
using System.Xml.Linq;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Figures;

namespace DilatedKernels.Tests.Segmentation.Figures;

/// <summary>The figure of a stack of dilated layers, compared with the gradient of the layers themselves.</summary>
public sealed class DilationFigureTests
{
    [TestCase(new[] { 1, 2, 4, 8 }, false)]
    [TestCase(new[] { 1, 1, 2, 4, 8, 16, 1 }, false, Description = "the paper's context module")]
    [TestCase(new[] { 4, 1, 2 }, false, Description = "the order does not matter")]
    [TestCase(new[] { 1, 3, 9 }, false)]
    [TestCase(new[] { 2, 2, 2 }, true)]
    [TestCase(new[] { 1, 4 }, true)]
    [TestCase(new[] { 1, 2, 5, 9 }, false)]
    [TestCase(new[] { 3 }, true)]
    public void TheTouchedCellsAreThoseWithAGradient(int[] dilations, bool isGridded)
    {
        DilatedStack stack = DilatedStack.Of(dilations)[^1];
        bool[,] touched = CellsWithGradient(dilations, stack.Field);
        for (int y = 0; y < stack.Field; y++)
        {
            for (int x = 0; x < stack.Field; x++)
            {
                Assert.That(touched[y, x], Is.EqualTo(stack.Touched[y] && stack.Touched[x]), $"{x}, {y}");
            }
        }

        Assert.That(stack.Gaps, Is.EqualTo(touched.Cast<bool>().Count(cell => !cell)));
        Assert.That(stack.Gaps > 0, Is.EqualTo(isGridded));
        Assert.That(DilationFigure.Describe(dilations).Last(), Does.StartWith(isGridded ? "Gridding: " : "No gridding: "));
    }

    [Test]
    public void TheFigureShowsTapsAndMarksGaps()
    {
        XElement[] all = [.. XDocument.Parse(DilationFigure.ToSvg([2, 2])).Descendants()];
        Assert.That(all.Count(e => (string?)e.Attribute("class") == "tap"), Is.EqualTo(18));
        // 3 touched rows of 5 and their gaps, then 5 of 9: two and four gaps along each axis.
        Assert.That(all.Count(e => (string?)e.Attribute("class") == "gap"), Is.EqualTo(2 * (2 + 4)));
        Assert.That(string.Concat(all.Where(e => e.Name.LocalName == "text").Select(e => e.Value)), Does.Contain("56 of 81 (69 %)").And.Contain("9×9"));
        XElement tap = all.First(e => (string?)e.Attribute("class") == "tap");
        Assert.That(double.Parse(tap.Attribute("cx")!.Value, CultureInfo.InvariantCulture), Is.EqualTo(120 - (2 * 240 / 9.0)).Within(0.01), "two cells left of the middle");
        Assert.That(DilationFigure.ToSvg([1, 2, 4, 8]), Does.Contain("No gridding").And.Not.Contain("class=\"gap\""));
        Assert.That(DilationFigure.ToSvg([.. Enumerable.Repeat(4096, 64)]).Length, Is.LessThan(1_000_000), "its length grows with the gaps along an axis, not with cells");
    }

    [Test]
    public void StacksThatCannotBeDrawnAreRefused()
    {
        foreach (int[] dilations in (int[][])[[], [0], [4097], [.. Enumerable.Repeat(1, 65)]])
        {
            Assert.That(() => DilationFigure.ToSvg(dilations), Throws.TypeOf<UserInputException>().With.Message.StartsWith("A stack has 1 to 64 layers"));
        }
    }

    // Ones for weights, so that no two paths cancel out.
    private static bool[,] CellsWithGradient(int[] dilations, int field)
    {
        var ones = new float[9];
        ones.AsSpan().Fill(1);
        using var input = new Parameter("input", Tensor.FromArray(Device.Cpu, new Shape(1, 1, field, field), new float[field * field]));
        using Tensor kernel = Tensor.FromArray(Device.Cpu, new Shape(1, 1, 3, 3), ones);
        using Tape tape = Tape.Record();
        Tensor map = input.Value;
        foreach (int dilation in dilations)
        {
            map = Ops.Conv2d(map, kernel, options: new Conv2dOptions { Dilation = dilation });
        }

        tape.Backward(map);
        float[] gradient = input.Gradient!.ToArray();
        var touched = new bool[field, field];
        for (int i = 0; i < gradient.Length; i++)
        {
            touched[i / field, i % field] = gradient[i] != 0;
        }

        return touched;
    }
}
