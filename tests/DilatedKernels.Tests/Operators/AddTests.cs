using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class AddTests(Device device)
{
    [Test]
    public void MatchesDefinition([Values(1, 7, 8, 9, 13, 21, 31, 32, 33)] int width)
    {
        var shape = new Shape(1, 3, 1, width);
        OperatorCheck.Verify(
            device,
            t => Ops.Add(t[0], t[1]),
            a => Array4.From(shape, (n, c, h, w) => a[0][n, c, h, w] + a[1][n, c, h, w]),
            Array4.Random(shape, "a"), Array4.Random(shape, "b"));
    }

    [Test]
    public void TheSameTensorTwiceGetsTwoGradients()
    {
        var shape = new Shape(1, 2, 2, 2);
        OperatorCheck.Verify(device, t => Ops.Add(t[0], t[0]), a => Array4.From(shape, (n, c, h, w) => 2 * a[0][n, c, h, w]), Array4.Random(shape, "a"));
    }

    [Test]
    public void RefusesOtherShapesAndDevices()
    {
        using var other = Device.CreateCpu(1);
        using var a = Tensor.Zeros(device, new Shape(1, 2, 3, 4));
        using var b = Tensor.Zeros(device, new Shape(1, 2, 4, 3));
        using var c = Tensor.Zeros(other, new Shape(1, 2, 3, 4));
        Assert.That(() => Ops.Add(a, b), Throws.ArgumentException.With.Message.Contains("[1, 2, 3, 4] and [1, 2, 4, 3]"));
        Assert.That(() => Ops.Add(a, c), Throws.ArgumentException.With.Message.Contains("different devices"));
    }
}
