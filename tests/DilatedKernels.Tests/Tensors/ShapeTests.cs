namespace DilatedKernels.Tests.Tensors;

public class ShapeTests
{
    private static readonly Shape s_wrapsToZero = new(65536, 65536, 65536, 65536);

    [Test]
    public void CountsThatALongDoesNotHoldAreRefused()
    {
        Assert.That(() => s_wrapsToZero.Count, Throws.TypeOf<OverflowException>());
        Assert.That(() => new Shape(int.MaxValue, 1, int.MaxValue, int.MaxValue).Positions, Throws.TypeOf<OverflowException>());
        Assert.That(() => Tensor.Zeros(Device.Cpu, s_wrapsToZero), Throws.ArgumentException.With.Message.Contains("[65536, 65536, 65536, 65536] has more than 1152921504606846976 elements"));
        Assert.That(() => Tensor.FromChannelsLast(Device.Cpu, s_wrapsToZero, []), Throws.ArgumentException);
        Assert.That(() => Tensor.Zeros(Device.Cpu, new Shape(int.MaxValue, int.MaxValue, int.MaxValue, 0)), Throws.ArgumentException);
        Assert.That(() => Tensor.Zeros(Device.Cpu, new Shape(1, -1, 1, 1)), Throws.ArgumentException.With.Message.Contains("negative extent"));
    }

    [Test]
    public void PaddingThatAnIntDoesNotHoldIsRefused()
    {
        using Tensor x = Tensor.Zeros(Device.Cpu, new Shape(1, 1, 10, 10));
        using Tensor weight = Tensor.Zeros(Device.Cpu, new Shape(1, 1, 3, 3));
        Assert.That(
            () => Ops.Conv2d(x, weight, options: new Conv2dOptions { Padding = int.MaxValue }),
            Throws.ArgumentException.With.Message.Contains("the input [1, 1, 10, 10] has more than 2147483647 rows or columns"));
    }
}
