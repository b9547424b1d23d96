using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class ConcatTests(Device device)
{
    [Test]
    public void MatchesDefinition() => OperatorCheck.Verify(
        device,
        t => Ops.Concat(t),
        a => Array4.From(new Shape(2, 7, 2, 3), (n, c, h, w) => c < 3 ? a[0][n, c, h, w] : c < 4 ? a[1][n, c - 3, h, w] : a[2][n, c - 4, h, w]),
        Array4.Random(new Shape(2, 3, 2, 3), "a"), Array4.Random(new Shape(2, 1, 2, 3), "b"), Array4.Random(new Shape(2, 3, 2, 3), "c"));

    [Test]
    public void MatchesDefinitionAtEveryNumberOfChannels([ValueSource(typeof(Boundary), nameof(Boundary.Channels))] int channels) => OperatorCheck.Verify(
        device,
        t => Ops.Concat(t),
        a => Array4.From(new Shape(1, channels + 8, 2, 3), (n, c, h, w) => c < channels ? a[0][n, c, h, w] : a[1][n, c - channels, h, w]),
        Array4.Random(new Shape(1, channels, 2, 3), "a"), Array4.Random(new Shape(1, 8, 2, 3), "b"));

    [Test]
    public void OnePartIsCopied() => OperatorCheck.Verify(device, t => Ops.Concat(t[0]), a => a[0], Array4.Random(new Shape(1, 3, 2, 3), "a"));

    [Test]
    public void RefusesNothingAndOtherSizes()
    {
        using var a = Tensor.Zeros(device, new Shape(1, 2, 3, 4));
        using var b = Tensor.Zeros(device, new Shape(1, 5, 3, 5));
        Assert.That(() => Ops.Concat(), Throws.ArgumentException.With.Message.Contains("none was given"));
        Assert.That(() => Ops.Concat(a, b), Throws.ArgumentException.With.Message.Contains("part 0 is [1, 2, 3, 4] and part 1 is [1, 5, 3, 5]"));
    }
}
