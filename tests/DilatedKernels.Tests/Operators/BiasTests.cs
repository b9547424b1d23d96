using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class BiasTests(Device device)
{
    [Test]
    public void MatchesDefinition([Values(1, 3, 7, 8, 9, 21, 31, 32, 33)] int channels)
    {
        var shape = new Shape(2, channels, 3, 4);
        OperatorCheck.Verify(
            device,
            activations: 1,
            t => Ops.Bias(t[0], t[1]),
            a => Array4.From(shape, (n, c, h, w) => a[0][n, c, h, w] + a[1][0, c, 0, 0]),
            Array4.Random(shape, "x"), Array4.Random(Shape.PerChannel(channels), "bias"));
    }

    [Test]
    public void RefusesABiasOfAnotherShape()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 3, 2, 2));
        using var bias = Tensor.Zeros(device, new Shape(3, 1, 1, 1));
        Assert.That(() => Ops.Bias(x, bias), Throws.ArgumentException.With.Message.Contains("[1, 3, 2, 2] takes a bias [1, 3, 1, 1]; it was [3, 1, 1, 1]"));
    }
}
