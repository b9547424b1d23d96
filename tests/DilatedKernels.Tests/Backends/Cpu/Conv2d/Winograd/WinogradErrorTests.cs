using DilatedKernels.Backends;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d.Winograd;

/// <summary>The rounding error of the choice between algorithms, on layers as wide as those it is made for.</summary>
public class WinogradErrorTests
{
    private const double Tolerance = 5e-6;

    [TestCase(64, 64, 3, 1)]
    [TestCase(64, 64, 3, 16)]
    [TestCase(21, 21, 3, 4)]
    [TestCase(512, 32, 3, 2)]
    [TestCase(32, 512, 3, 2)]
    [TestCase(128, 64, 5, 1)]
    [TestCase(128, 64, 7, 4)]
    public void WideLayersStayWithinTheDocumentedError(int inChannels, int outChannels, int kernelSize, int dilation)
    {
        int pad = dilation * (kernelSize / 2);
        var g = new Conv2dGeometry(1, inChannels, 19, 18, outChannels, kernelSize, kernelSize, 1, 1, dilation, dilation, pad, pad);
        var random = new RandomSequence(1, g.ToString());
        float[] x = Conv2dCases.Values(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        double[] expected = Conv2dReference.Forward(g, x, weight, bias: null, relu: false);

        double direct = Error(ConvolutionAlgorithm.Direct);
        double winograd = Error(ConvolutionAlgorithm.Winograd);
        double winograd4x4 = Error(ConvolutionAlgorithm.Winograd4x4);
        TestContext.Out.WriteLine($"{inChannels} to {outChannels}, {kernelSize}x{kernelSize} at dilation {dilation}: direct {direct:e1}, F(2x2, 3x3) {winograd:e1}, F(4x4, 3x3) {winograd4x4:e1}");
        Assert.That(direct, Is.LessThan(Tolerance));
        Assert.That(winograd, Is.LessThan(Tolerance));
        Assert.That(winograd4x4, Is.LessThan(Tolerance));
        Assert.That(Error(ConvolutionAlgorithm.Automatic), Is.EqualTo(direct).Or.EqualTo(winograd).Or.EqualTo(winograd4x4));

        double Error(ConvolutionAlgorithm algorithm)
        {
            using Device device = Device.CreateCpu(1, algorithm);
            using Tensor input = Tensor.FromChannelsLast(device, g.InShape, x);
            using Tensor kernel = Tensor.FromChannelsLast(device, g.WeightShape, weight);
            using Tensor y = Ops.Conv2d(input, kernel, options: new Conv2dOptions { Dilation = dilation, Padding = pad });
            return Conv2dReference.RelativeError(y.ToChannelsLast(), expected);
        }
    }

    [Test]
    public void AnUnknownAlgorithmIsRefused() =>
        Assert.That(() => Device.CreateCpu(1, (ConvolutionAlgorithm)7), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("Automatic, Direct, Winograd or Winograd4x4"));
}
