using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class MaxPool2dTests(Device device)
{
    [TestCase(8, 6, 8, 2, 2, 0, PoolRounding.Floor)]
    [TestCase(3, 7, 5, 2, 2, 0, PoolRounding.Floor)]
    [TestCase(3, 7, 5, 2, 2, 0, PoolRounding.Ceiling)]
    [TestCase(19, 6, 5, 3, 2, 1, PoolRounding.Floor)]
    [TestCase(19, 6, 5, 3, 2, 1, PoolRounding.Ceiling)]
    [TestCase(9, 5, 6, 3, 1, 1, PoolRounding.Ceiling)]
    [TestCase(1, 4, 4, 2, 3, 1, PoolRounding.Ceiling)]
    [TestCase(5, 4, 4, 1, 2, 0, PoolRounding.Floor)]
    public void MatchesDefinition(int channels, int height, int width, int kernel, int stride, int padding, PoolRounding rounding)
    {
        Array4 x = Array4.Distinct(new Shape(2, channels, height, width), "pool");
        OperatorCheck.Verify(
            device, t => Ops.MaxPool2d(t[0], kernel, stride, padding, rounding), a => Reference(a[0], kernel, stride, padding, rounding), x);
    }

    [Test]
    public void MatchesDefinitionAtEveryNumberOfChannels([ValueSource(typeof(Boundary), nameof(Boundary.Channels))] int channels) => MatchesDefinition(channels, 3, 4, 2, 2, 0, PoolRounding.Ceiling);

    [Test]
    public void MatchesDefinitionOnMapsSmallerThanTheWindow([Values(1, 2, 3, 7)] int extent) => MatchesDefinition(2, extent, extent, 3, 1, 1, PoolRounding.Floor);

    [Test]
    public void WindowNeedNotBeSquare()
    {
        Array4 x = Array4.Distinct(new Shape(1, 8, 7, 9), "pool");
        OperatorCheck.Verify(
            device,
            t => Ops.MaxPool2d(t[0], new Size2(3, 2), new Size2(1, 2), new Size2(1, 0)),
            a => Reference(a[0], new Size2(3, 2), new Size2(1, 2), new Size2(1, 0), PoolRounding.Floor),
            x);
    }

    // Expected extents are by hand from Caffe's rule; 1640 is the KITTI crop, whose maps the paper's network rounds up.
    [TestCase(1640, 2, 2, 0, PoolRounding.Ceiling, 820)]
    [TestCase(205, 2, 2, 0, PoolRounding.Ceiling, 103)]
    [TestCase(205, 2, 2, 0, PoolRounding.Floor, 102)]
    [TestCase(6, 3, 2, 0, PoolRounding.Ceiling, 3)]
    [TestCase(1, 2, 2, 1, PoolRounding.Ceiling, 1)]
    [TestCase(2, 2, 2, 1, PoolRounding.Ceiling, 2)]
    [TestCase(321, 3, 2, 1, PoolRounding.Ceiling, 161)]
    public void ExtentFollowsTheRounding(int extent, int kernel, int stride, int padding, PoolRounding rounding, int expected)
    {
        using var x = Tensor.Zeros(device, new Shape(1, 1, extent, 2));
        using Tensor y = Ops.MaxPool2d(x, new Size2(kernel, 1), new Size2(stride, 1), new Size2(padding, 0), rounding);
        Assert.That(y.Shape, Is.EqualTo(new Shape(1, 1, expected, 2)));
    }

    [Test]
    public void TiesGoToTheFirst([Values(1, 8, 11)] int channels)
    {
        var shape = new Shape(1, channels, 2, 2);
        using var x = new Parameter("x", Tensor.Zeros(device, shape));
        using (Tape tape = Tape.Record())
        {
            Tensor y = Ops.MaxPool2d(x.Value, 2, 2);
            tape.Backward(Projection.Loss(y, Array4.From(y.Shape, (_, c, _, _) => c + 1)));
        }

        Assert.That(x.Gradient!.ToArray(), Is.EqualTo(Array4.From(shape, (_, c, h, w) => h + w == 0 ? c + 1 : 0).ToSingle()));
    }

    [Test]
    public void NaNWinsAndMinusInfinityIsAValue([Values(1, 8)] int channels)
    {
        Array4 values = Array4.From(new Shape(1, channels, 2, 4), (_, _, h, w) => (h, w) switch { (0, 1) => double.NaN, (_, < 2) => 5, _ => double.NegativeInfinity });
        using Tensor x = values.ToTensor(device);
        using Tensor y = Ops.MaxPool2d(x, 2, 2);
        Assert.That(y.ToArray(), Is.EqualTo(Array4.From(y.Shape, (_, _, _, w) => w == 0 ? double.NaN : double.NegativeInfinity).ToSingle()));
    }

    [Test]
    public void RefusesWhatDoesNotFit()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 1, 4, 4));
        Assert.That(() => Ops.MaxPool2d(x, 5, 1), Throws.ArgumentException.With.Message.Contains("5×5 window is larger than the input [1, 1, 4, 4]"));
        Assert.That(() => Ops.MaxPool2d(x, 16, 1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("at most 255 positions"));
        Assert.That(() => Ops.MaxPool2d(x, 2, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("stride is 1 or more"));
        Assert.That(() => Ops.MaxPool2d(x, 2, 2, 2), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("padding is less than the window 2×2"));
        Assert.That(() => Ops.MaxPool2d(x, 0, 1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("kernel is 1 or more"));
    }

    private static Array4 Reference(Array4 x, Size2 kernel, Size2 stride, Size2 padding, PoolRounding rounding)
    {
        var shape = new Shape(
            x.Shape.N, x.Shape.C,
            Extent(x.Shape.H, kernel.Height, stride.Height, padding.Height), Extent(x.Shape.W, kernel.Width, stride.Width, padding.Width));
        return Array4.From(shape, (n, c, oy, ox) =>
        {
            double best = double.NegativeInfinity;
            for (int y = (oy * stride.Height) - padding.Height; y < (oy * stride.Height) - padding.Height + kernel.Height; y++)
            {
                for (int z = (ox * stride.Width) - padding.Width; z < (ox * stride.Width) - padding.Width + kernel.Width; z++)
                {
                    if (y >= 0 && y < x.Shape.H && z >= 0 && z < x.Shape.W)
                    {
                        best = Math.Max(best, x[n, c, y, z]);
                    }
                }
            }

            return best;
        });

        int Extent(int extent, int window, int step, int pad)
        {
            double steps = (extent + (2 * pad) - window) / (double)step;
            int count = (int)(rounding == PoolRounding.Ceiling ? Math.Ceiling(steps) : Math.Floor(steps)) + 1;
            return rounding == PoolRounding.Ceiling && (count - 1) * step >= extent + pad ? count - 1 : count;
        }
    }
}
