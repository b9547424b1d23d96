using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class AveragePool2dTests(Device device)
{
    [TestCase(1, 4, 5, 3, 3, 1, 1)]
    [TestCase(8, 5, 4, 3, 3, 1, 1)]
    [TestCase(19, 3, 3, 3, 3, 1, 1)]
    [TestCase(3, 6, 5, 2, 3, 0, 2)]
    [TestCase(5, 1, 1, 3, 3, 1, 1)]
    [TestCase(2, 4, 4, 1, 1, 0, 0)]
    public void MatchesDefinition(int channels, int height, int width, int kernelHeight, int kernelWidth, int top, int left)
    {
        Array4 x = Array4.Random(new Shape(2, channels, height, width), "average");
        var kernel = new Size2(kernelHeight, kernelWidth);
        var padding = new Size2(top, left);
        OperatorCheck.Verify(device, t => Ops.AveragePool2d(t[0], kernel, padding), a => Reference(a[0], kernel, padding), x);
    }

    [Test]
    public void MatchesDefinitionAtEveryNumberOfChannels([ValueSource(typeof(Boundary), nameof(Boundary.Channels))] int channels) => MatchesDefinition(channels, 3, 4, 3, 3, 1, 1);

    [Test]
    public void MatchesDefinitionOnMapsSmallerThanTheWindow([Values(1, 2, 3, 7)] int extent) => MatchesDefinition(2, extent, extent, 3, 3, 1, 1);

    [Test]
    public void ZerosInThePaddingCount()
    {
        using var x = Tensor.FromArray(device, new Shape(1, 1, 3, 3), [9, 9, 9, 9, 9, 9, 9, 9, 9]);
        using Tensor y = Ops.AveragePool2d(x, 3, 1);
        Assert.That(y.ToArray(), Is.EqualTo(new float[] { 4, 6, 4, 6, 9, 6, 4, 6, 4 }).Within(1e-5));
    }

    [Test]
    public void RefusesWhatDoesNotFit()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 2, 4, 4));
        Assert.That(() => Ops.AveragePool2d(x, 5), Throws.ArgumentException.With.Message.Contains("5×5 window is larger than the input [1, 2, 4, 4]"));
        Assert.That(() => Ops.AveragePool2d(x, 2, 2), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("padding is less than the window 2×2"));
        Assert.That(() => Ops.AveragePool2d(x, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("kernel is 1 or more"));
    }

    private static Array4 Reference(Array4 x, Size2 kernel, Size2 padding) => Array4.From(
        x.Shape with { H = x.Shape.H + (2 * padding.Height) - kernel.Height + 1, W = x.Shape.W + (2 * padding.Width) - kernel.Width + 1 },
        (n, c, oy, ox) =>
        {
            double sum = 0;
            for (int y = Math.Max(0, oy - padding.Height); y < Math.Min(x.Shape.H, oy - padding.Height + kernel.Height); y++)
            {
                for (int z = Math.Max(0, ox - padding.Width); z < Math.Min(x.Shape.W, ox - padding.Width + kernel.Width); z++)
                {
                    sum += x[n, c, y, z];
                }
            }

            return sum / (kernel.Height * kernel.Width);
        });
}
