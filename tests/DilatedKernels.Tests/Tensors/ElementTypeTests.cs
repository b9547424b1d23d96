using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Tensors;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class ElementTypeTests(Device device)
{
    private static readonly Shape Odd = new(1, 3, 3, 5);

    [Test]
    public void ValuesAreRoundedOnTheirWayIn()
    {
        float[] values = Array4.Random(Odd, "values").ToSingle();
        float[] rounded = Array.ConvertAll(values, v => BFloat16.Widen(BFloat16.Round(v)));
        using Tensor tensor = Tensor.FromArray(device, Odd, values, ElementType.BFloat16);
        Assert.That(tensor.ElementType, Is.EqualTo(ElementType.BFloat16));
        Assert.That(tensor.ToArray(), Is.EqualTo(rounded));
        tensor.SetChannelsLast(values);
        Assert.That(tensor.ToChannelsLast(), Is.EqualTo(rounded));
        using Tensor one = Tensor.FromChannelsLast(device, Shape.Scalar, [1.001f], ElementType.BFloat16);
        Assert.That(one.Item(), Is.EqualTo(1f));
    }

    [Test]
    public void ZerosAreZeroInEveryType([Values] ElementType type)
    {
        using Tensor zeros = Tensor.Zeros(device, Odd, type);
        Assert.That(zeros.ToArray(), Is.All.Zero);
    }

    [Test]
    public void AnActivationTakesHalfTheMemory()
    {
        var shape = new Shape(2, 8, 9, 10);
        LeftOver.GiveBack(device);
        long before = device.Memory.LiveBytes;
        using Tensor tensor = Tensor.Zeros(device, shape, ElementType.BFloat16);
        Assert.That(device.Memory.LiveBytes - before, Is.EqualTo(shape.Count * 2));
    }

    /// <summary>Every bfloat16, moved to below, at and above the middle to the next.</summary>
    [Test]
    public void EveryDeviceRoundsAlike([Values(0, 1, 7, 8, 9, 1 << 16)] int count)
    {
        float[] values = [.. Enumerable.Range(0, count).Select(bits => BitConverter.UInt32BitsToSingle(((uint)bits << 16) | (0x7FFFu + ((uint)bits % 3))))];
        ushort[] rounded = new ushort[count];
        BFloat16.Round(values, rounded);
        using Tensor x = Tensor.FromArray(device, new Shape(1, 1, 1, count), values);
        using Tensor narrow = Ops.Cast(x, ElementType.BFloat16);
        using Tensor wide = Ops.Cast(narrow, ElementType.Float32);
        Assert.That((narrow.ElementType, wide.ElementType), Is.EqualTo((ElementType.BFloat16, ElementType.Float32)));
        Assert.That(narrow.ToArray().Select(BitConverter.SingleToUInt32Bits), Is.EqualTo(rounded.Select(bits => (uint)bits << 16)));
        Assert.That(wide.ToArray().Select(BitConverter.SingleToUInt32Bits), Is.EqualTo(rounded.Select(bits => (uint)bits << 16)));
        Assert.That(Ops.Cast(x, ElementType.Float32), Is.SameAs(x));
    }

    [Test]
    public void GradientsHaveTheTypeOfTheirTensors()
    {
        using var x = new Parameter("x", Array4.Random(Odd, "x").ToTensor(device));
        using Tape tape = Tape.Record();
        Tensor narrow = Ops.Cast(x.Value, ElementType.BFloat16);
        tape.Backward(Projection.Loss(Ops.Add(narrow, narrow), Array4.Random(Odd, "weights")));
        Assert.That(x.Gradient!.ElementType, Is.EqualTo(ElementType.Float32));
        float[] rounded = Array4.Random(Odd, "weights").RoundedTo(ElementType.BFloat16).ToSingle();
        Assert.That(x.Gradient.ToArray(), Is.EqualTo(Array.ConvertAll(rounded, v => 2 * v)));
    }

    [Test]
    public void RefusesTensorsOfTwoTypes()
    {
        using var a = Tensor.Zeros(device, new Shape(1, 3, 4, 4));
        using var b = Tensor.Zeros(device, new Shape(1, 3, 4, 4), ElementType.BFloat16);
        Assert.That(() => Ops.Add(a, b), Throws.ArgumentException.With.Message.Contains("[1, 3, 4, 4] of float32 and [1, 3, 4, 4] of bfloat16 differ in type; Ops.Cast"));
        Assert.That(() => Ops.Concat(b, a), Throws.ArgumentException.With.Message.Contains("of bfloat16 and [1, 3, 4, 4] of float32"));
    }

    [Test]
    public void RefusesWeightsAndLossesOtherThanFloat32()
    {
        using var x = Tensor.Zeros(device, new Shape(1, 3, 4, 4), ElementType.BFloat16);
        using var weight = Tensor.Zeros(device, new Shape(2, 3, 3, 3));
        using var narrowWeight = Tensor.Zeros(device, new Shape(2, 3, 3, 3), ElementType.BFloat16);
        using var narrowBias = Tensor.Zeros(device, Shape.PerChannel(2), ElementType.BFloat16);
        Assert.That(() => Ops.Conv2d(x, narrowWeight), Throws.ArgumentException.With.Message.Contains("kernel of a convolution is float32").And.Message.Contains("[2, 3, 3, 3] is bfloat16"));
        Assert.That(() => Ops.Conv2d(x, weight, narrowBias), Throws.ArgumentException.With.Message.Contains("bias is float32").And.Message.Contains("[1, 2, 1, 1] is bfloat16"));
        Assert.That(() => Ops.Bias(x, narrowBias), Throws.ArgumentException.With.Message.Contains("bias is float32"));
        Assert.That(() => new Parameter("conv1.weight", narrowWeight), Throws.ArgumentException.With.Message.Contains("value of the parameter conv1.weight is float32"));

        using var parameter = new Parameter("x", Tensor.Zeros(device, Shape.Scalar));
        using Tape tape = Tape.Record();
        Tensor loss = Ops.Cast(parameter.Value, ElementType.BFloat16);
        Assert.That(() => tape.Backward(loss), Throws.ArgumentException.With.Message.Contains("loss is float32"));
    }

    [Test]
    public void RefusesAnUnknownType() =>
        Assert.That(() => Tensor.Zeros(device, Odd, (ElementType)7), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("Float32 or BFloat16"));
}
