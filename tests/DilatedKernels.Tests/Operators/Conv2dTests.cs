using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class Conv2dTests(Device device)
{
    // ReLU is tested on its own; here its kink would spoil the differences.
    [TestCase(2, 3, 5, 6, 4, 3, 3, 1, 1, 0)]
    [TestCase(1, 2, 7, 5, 3, 3, 3, 1, 2, 2)]
    [TestCase(1, 3, 4, 5, 2, 3, 3, 1, 6, 6)]
    [TestCase(1, 2, 8, 7, 3, 3, 3, 2, 1, 1)]
    [TestCase(1, 2, 9, 8, 2, 5, 3, 2, 2, 3)]
    [TestCase(2, 5, 3, 4, 7, 1, 1, 1, 1, 0)]
    [TestCase(1, 1, 13, 13, 2, 7, 7, 1, 2, 0)]
    [TestCase(1, 2, 5, 5, 2, 2, 4, 3, 1, 1)]
    public void MatchesDefinition(int batch, int inChannels, int height, int width, int outChannels, int kernelH, int kernelW, int stride, int dilation, int padding)
    {
        var options = new Conv2dOptions { Stride = stride, Dilation = dilation, Padding = padding };
        Verify(new Shape(batch, inChannels, height, width), new Shape(outChannels, inChannels, kernelH, kernelW), options);
    }

    [Test]
    public void AxesHaveTheirOwnStrideDilationAndPadding()
    {
        var options = new Conv2dOptions { Stride = new Size2(2, 1), Dilation = new Size2(1, 3), Padding = new Size2(0, 4) };
        Verify(new Shape(1, 2, 7, 6), new Shape(3, 2, 3, 2), options);
    }

    [Test]
    public void BiasAndReluAreWhatTheirOperatorsDo()
    {
        using Tensor x = Array4.Random(new Shape(2, 3, 6, 5), "x").ToTensor(device);
        using Tensor weight = Array4.Random(new Shape(9, 3, 3, 3), "weight").ToTensor(device);
        using Tensor bias = Array4.Random(Shape.PerChannel(9), "bias").ToTensor(device);
        using Tensor fused = Ops.Conv2d(x, weight, bias, relu: true);
        using Tensor plain = Ops.Conv2d(x, weight);
        using Tensor shifted = Ops.Bias(plain, bias);
        using Tensor expected = Ops.Relu(shifted);
        Assert.That(OperatorCheck.RelativeError(fused.ToArray(), Array.ConvertAll(expected.ToArray(), v => (double)v)), Is.LessThan(OperatorCheck.Tolerance));
        Assert.That(fused.ToArray(), Has.Some.Zero.And.Some.GreaterThan(0));
    }

    [Test]
    public void TheMaskOfTheReluStopsGradients()
    {
        using var x = new Parameter("x", Tensor.FromArray(device, new Shape(1, 1, 1, 2), [1, -1]));
        using Tensor weight = Tensor.FromArray(device, new Shape(1, 1, 1, 1), [2]);
        using (Tape tape = Tape.Record())
        {
            tape.Backward(Projection.Loss(Ops.Conv2d(x.Value, weight, relu: true), new Array4(x.Value.Shape, [3, 5])));
        }

        Assert.That(x.Gradient!.ToArray(), Is.EqualTo(new float[] { 6, 0 }));
    }

    [Test]
    public void RefusesWhatDoesNotFit()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 3, 8, 8));
        using var weight = Tensor.Zeros(device, new Shape(4, 3, 3, 3));
        using var narrow = Tensor.Zeros(device, new Shape(4, 2, 3, 3));
        using var bias = Tensor.Zeros(device, Shape.PerChannel(3));
        Assert.That(() => Ops.Conv2d(x, narrow), Throws.ArgumentException.With.Message.Contains("has 3 channels").And.Message.Contains("takes 2"));
        Assert.That(() => Ops.Conv2d(x, weight, bias), Throws.ArgumentException.With.Message.Contains("[1, 4, 1, 1]").And.Message.Contains("[1, 3, 1, 1]"));
        Assert.That(
            () => Ops.Conv2d(x, weight, options: new Conv2dOptions { Dilation = 4 }), Throws.ArgumentException.With.Message.Contains("covers 9×9 pixels"));
        Assert.That(
            () => Ops.Conv2d(x, weight, options: new Conv2dOptions { Stride = 0 }), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("stride is 1 or more"));
        Assert.That(
            () => Ops.Conv2d(x, weight, options: new Conv2dOptions { Padding = -1 }), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("padding is 0 or more"));
    }

    private void Verify(Shape x, Shape weight, Conv2dOptions options) => OperatorCheck.Verify(
        device,
        activations: 1,
        t => Ops.Conv2d(t[0], t[1], t[2], options),
        a => Reference(a[0], a[1], a[2], options),
        Array4.Random(x, "x"), Array4.Random(weight, "weight"), Array4.Random(Shape.PerChannel(weight.N), "bias"));

    // The definition, equation 2 of Yu and Koltun 2016 as a correlation, with a stride and zeros outside.
    private static Array4 Reference(Array4 x, Array4 weight, Array4 bias, Conv2dOptions o)
    {
        int height = (x.Shape.H + (2 * o.Padding.Height) - ((weight.Shape.H - 1) * o.Dilation.Height) - 1) / o.Stride.Height + 1;
        int width = (x.Shape.W + (2 * o.Padding.Width) - ((weight.Shape.W - 1) * o.Dilation.Width) - 1) / o.Stride.Width + 1;
        return Array4.From(new Shape(x.Shape.N, weight.Shape.N, height, width), (n, k, oy, ox) =>
        {
            double sum = bias[0, k, 0, 0];
            for (int c = 0; c < x.Shape.C; c++)
            {
                for (int ky = 0; ky < weight.Shape.H; ky++)
                {
                    for (int kx = 0; kx < weight.Shape.W; kx++)
                    {
                        int y = (oy * o.Stride.Height) + (ky * o.Dilation.Height) - o.Padding.Height;
                        int z = (ox * o.Stride.Width) + (kx * o.Dilation.Width) - o.Padding.Width;
                        if (y >= 0 && y < x.Shape.H && z >= 0 && z < x.Shape.W)
                        {
                            sum += weight[k, c, ky, kx] * x[n, c, y, z];
                        }
                    }
                }
            }

            return sum;
        });
    }
}
