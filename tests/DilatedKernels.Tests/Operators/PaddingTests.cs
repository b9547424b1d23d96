using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class PaddingTests(Device device)
{
    [TestCase(0, 0, 0, 0)]
    [TestCase(1, 2, 3, 4)]
    [TestCase(3, 3, 4, 4)]
    [TestCase(0, 3, 2, 0)]
    public void ReflectionMatchesDefinition(int top, int bottom, int left, int right)
    {
        foreach (int channels in new[] { 3, 8, 11 })
        {
            CheckReflection(channels, top, bottom, left, right);
        }
    }

    [Test]
    public void ReflectionMatchesDefinitionAtEveryNumberOfChannels([ValueSource(typeof(Boundary), nameof(Boundary.Channels))] int channels) => CheckReflection(channels, 1, 0, 2, 1);

    [Test]
    public void ReflectionDoesNotRepeatTheEdge()
    {
        using Tensor x = Tensor.FromArray(device, new Shape(1, 1, 1, 4), [1, 2, 3, 4]);
        using Tensor y = Ops.ReflectionPad(x, 0, 0, 3, 3);
        Assert.That(y.ToArray(), Is.EqualTo(new float[] { 4, 3, 2, 1, 2, 3, 4, 3, 2, 1 }));
    }

    [TestCase(0, 0, 0, 0)]
    [TestCase(1, 2, 3, 4)]
    [TestCase(33, 0, 0, 33)]
    public void ZerosMatchDefinition(int top, int bottom, int left, int right) => OperatorCheck.Verify(
        device,
        t => Ops.ZeroPad(t[0], top, bottom, left, right),
        a => Array4.From(
            new Shape(2, 3, 2 + top + bottom, 3 + left + right),
            (n, c, h, w) => h < top || h >= top + 2 || w < left || w >= left + 3 ? 0 : a[0][n, c, h - top, w - left]),
        Array4.Random(new Shape(2, 3, 2, 3), "zeros"));

    [Test]
    public void RefusesNegativeAndTooWidePadding()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 1, 4, 9));
        Assert.That(() => Ops.ReflectionPad(x, 0, 4, 0, 0), Throws.ArgumentException.With.Message.Contains("Reflection by 4 rows needs more than 4 of them; the input [1, 1, 4, 9] has 4"));
        Assert.That(() => Ops.ReflectionPad(x, 0, 0, 9, 0), Throws.ArgumentException.With.Message.Contains("9 columns"));
        Assert.That(() => Ops.ReflectionPad(x, -1, 0, 0, 0), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("top"));
        Assert.That(() => Ops.ZeroPad(x, 0, 0, 0, -1), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("right"));
    }

    private void CheckReflection(int channels, int top, int bottom, int left, int right)
    {
        OperatorCheck.Verify(
            device,
            t => Ops.ReflectionPad(t[0], top, bottom, left, right),
            a => Array4.From(
                new Shape(2, channels, 4 + top + bottom, 5 + left + right), (n, c, h, w) => a[0][n, c, Reflected(h - top, 4), Reflected(w - left, 5)]),
            Array4.Random(new Shape(2, channels, 4, 5), "reflect"));

        static int Reflected(int i, int extent) => i < 0 ? -i : i >= extent ? (2 * extent) - 2 - i : i;
    }
}
