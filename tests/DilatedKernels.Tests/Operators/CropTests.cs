using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class CropTests(Device device)
{
    [TestCase(0, 0, 5, 6)]
    [TestCase(1, 2, 3, 4)]
    [TestCase(4, 5, 1, 1)]
    public void MatchesDefinition(int top, int left, int height, int width) => OperatorCheck.Verify(
        device,
        t => Ops.Crop(t[0], top, left, height, width),
        a => Array4.From(new Shape(2, 3, height, width), (n, c, h, w) => a[0][n, c, top + h, left + w]),
        Array4.Random(new Shape(2, 3, 5, 6), "crop"));

    [Test]
    public void MatchesDefinitionAtEveryNumberOfChannels([ValueSource(typeof(Boundary), nameof(Boundary.Channels))] int channels) => OperatorCheck.Verify(
        device,
        t => Ops.Crop(t[0], 1, 2, 2, 3),
        a => Array4.From(new Shape(2, channels, 2, 3), (n, c, h, w) => a[0][n, c, 1 + h, 2 + w]),
        Array4.Random(new Shape(2, channels, 3, 5), "crop"));

    [TestCase(-1, 0, 2, 2)]
    [TestCase(0, 0, 0, 2)]
    [TestCase(4, 0, 2, 2)]
    [TestCase(0, int.MaxValue, 2, 2)]
    public void RefusesARectangleOutside(int top, int left, int height, int width)
    {
        using var x = Tensor.Zeros(device, new Shape(1, 1, 5, 6));
        Assert.That(
            () => Ops.Crop(x, top, left, height, width),
            Throws.ArgumentException.With.Message.Contains($"crop of {height}×{width} pixels at row {top}, column {left} is not inside the input [1, 1, 5, 6]"));
    }
}
