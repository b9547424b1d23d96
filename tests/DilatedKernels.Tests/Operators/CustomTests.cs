using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class CustomTests(Device device)
{
    [Test]
    public void GradientsFlowThroughTheCallersFunction()
    {
        var shape = new Shape(2, 3, 2, 2);
        OperatorCheck.Verify(
            device,
            t => Product(t[0], t[1]),
            a => a[0] with { Values = [.. a[0].Values.Zip(a[1].Values, (x, z) => x * z)] },
            Array4.Random(shape, "x"),
            Array4.Random(shape, "z"));
    }

    [Test]
    public void WithoutATapeThereIsOnlyTheResult()
    {
        using var x = Tensor.Zeros(device, Shape.Scalar);
        using Tensor y = Ops.Custom([x], new Shape(1, 2, 1, 1), [3, 4], _ => throw new AssertionException("nothing records"));
        Assert.That(y.ToArray(), Is.EqualTo(new[] { 3f, 4f }));
    }

    [Test]
    public void ABackwardFunctionThatReturnsNothingIsNamed()
    {
        using var parameter = new Parameter("x", Tensor.Zeros(device, Shape.Scalar));
        using Tape tape = Tape.Record();
        Tensor loss = Ops.Custom([parameter.Value], Shape.Scalar, [1], _ => null!);
        Assert.That(() => tape.Backward(loss), Throws.InvalidOperationException.With.Message.Contains("it returned null"));
    }

    [Test]
    public void AGradientThatIsMissingOrMisshapenIsNamed([Values] bool missing)
    {
        using var parameter = new Parameter("x", Tensor.Zeros(device, new Shape(1, 2, 1, 1)));
        using Tape tape = Tape.Record();
        Tensor loss = Ops.Custom([parameter.Value], Shape.Scalar, [1], _ => [missing ? null : new float[3]]);
        Assert.That(() => tape.Backward(loss), Throws.InvalidOperationException.With.Message.Contains("input 0").And.Message.Contains("2 values"));
    }

    [Test]
    public void WhatDoesNotFitIsRefused()
    {
        using var x = Tensor.Zeros(device, Shape.Scalar);
        Assert.That(() => Ops.Custom([], Shape.Scalar, [1], _ => []), Throws.ArgumentException.With.Message.Contains("one or more inputs"));
        Assert.That(() => Ops.Custom([x], Shape.Scalar, [1, 2], _ => []), Throws.ArgumentException.With.Message.Contains("2 values were given"));
    }

    private static Tensor Product(Tensor x, Tensor z)
    {
        float[] a = x.ToChannelsLast();
        float[] b = z.ToChannelsLast();
        return Ops.Custom([x, z], x.Shape, Times(a, b), dy => [Times(dy, b), Times(dy, a)]);
    }

    private static float[] Times(float[] x, float[] z) => [.. x.Zip(z, (a, b) => a * b)];
}
