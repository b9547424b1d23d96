using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class ReluTests(Device device)
{
    // Distinct values stay clear of the kink at 0, where a difference quotient means nothing.
    [Test]
    public void MatchesDefinition([Values(1, 4, 6, 7, 8, 9, 21, 31, 32, 33)] int width)
    {
        var shape = new Shape(2, 3, 2, width);
        OperatorCheck.Verify(
            device, t => Ops.Relu(t[0]), a => Array4.From(shape, (n, c, h, w) => Math.Max(0, a[0][n, c, h, w])), Array4.Distinct(shape, "relu"));
    }

    [Test]
    public void SpecialValues()
    {
        using Tensor x = Tensor.FromArray(device, new Shape(1, 1, 1, 5), [float.NaN, float.NegativeInfinity, float.PositiveInfinity, -0f, -1e-40f]);
        using Tensor y = Ops.Relu(x);
        Assert.That(y.ToArray(), Is.EqualTo(new[] { float.NaN, 0f, float.PositiveInfinity, 0f, 0f }));
    }

    [Test]
    public void TheGradientAtZeroIsZero()
    {
        using var x = new Parameter("x", Tensor.Zeros(device, new Shape(1, 1, 2, 5)));
        using Tape tape = Tape.Record();
        tape.Backward(Projection.Loss(Ops.Relu(x.Value), Array4.Random(x.Value.Shape, "weights")));
        Assert.That(x.Gradient!.ToArray(), Is.All.Zero);
    }
}
