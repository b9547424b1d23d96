using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Autograd;

/// <summary>A ReLU's backward pass that its readers have done already must not show in any gradient.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class RectifiedTests(Device device)
{
    private static readonly Conv2dOptions Same = new() { Dilation = 2, Padding = 2 };
    private static readonly Shape Image = new(2, 3, 13, 12);

    [Test]
    public void ReadersThatMaskGiveTheBitsOfAPassOfItsOwn([Values] ElementType type, [Values] Reader reader)
    {
        float[] fused = Gradients(type, reader, tensor => tensor);
        float[] separate = Gradients(type, reader, tensor =>
        {
            tensor.IsRectified = false;
            return tensor;
        });
        Assert.That(fused, Is.EqualTo(separate));
        Assert.That(fused.Count(value => value != 0), Is.GreaterThan(fused.Length / 2));
    }

    /// <summary>What begins as a ReLU's output and is trained goes below 0, and comes back.</summary>
    [Test]
    public void AParametersValueIsNotMasked()
    {
        var shape = new Shape(1, 1, 1, 3);
        using Tensor input = Tensor.FromArray(device, shape, [-1, 0, 2]);
        using var weight = new Parameter("weight", Tensor.FromArray(device, Shape.Scalar, [5]));
        using var image = new Parameter("image", Ops.Relu(input));
        using Tape tape = Tape.Record();
        tape.Backward(Projection.Loss(Ops.Conv2d(image.Value, weight.Value), Array4.From(shape, (_, _, _, _) => 1)));
        Assert.That(image.Gradient!.ToArray(), Is.All.EqualTo(5));
    }

    [Test]
    public void AValueThatIsOverwrittenOrMovedOutIsNotMasked()
    {
        using Tensor input = Tensor.FromArray(device, new Shape(1, 1, 1, 3), [-1, 0, 2]);
        using Tensor overwritten = Ops.Relu(input);
        Assert.That(overwritten.IsRectified);
        overwritten.SetArray([-1, 0, 2]);
        Assert.That(overwritten.IsRectified, Is.False);
        using Tape tape = Tape.Inference();
        using Tensor moved = tape.MoveOut(Ops.Relu(input));
        Assert.That(moved.IsRectified, Is.False);
    }

    /// <summary>What reads the ReLU's output.</summary>
    public enum Reader
    {
        /// <summary>One that masks.</summary>
        Convolution,

        /// <summary>Two that mask.</summary>
        TwoConvolutions,

        /// <summary>One that masks and one that does not.</summary>
        ConvolutionAndSum,

        /// <summary>Operators that hand the mask on.</summary>
        PoolingDropoutAndRelu,

        /// <summary>None that masks.</summary>
        Softmax,
    }

    private float[] Gradients(ElementType type, Reader reader, Func<Tensor, Tensor> made)
    {
        using Parameter x = NewParameter("x", Image);
        using Parameter first = NewParameter("first", new Shape(16, 3, 3, 3));
        using Parameter second = NewParameter("second", new Shape(16, 16, 3, 3));
        using Parameter third = NewParameter("third", new Shape(5, 16, 1, 1));
        using Parameter bias = NewParameter("bias", Shape.PerChannel(16));
        Parameter[] parameters = [x, first, second, third, bias];
        using Tape tape = Tape.Record();
        Tensor a = made(Ops.Conv2d(Ops.Cast(x.Value, type), first.Value, bias.Value, Same, relu: true));
        Tensor b = reader switch
        {
            Reader.Convolution => Next(a),
            Reader.TwoConvolutions => Ops.Add(Next(a), Next(a)),
            Reader.ConvolutionAndSum => Ops.Add(Next(a), a),
            Reader.PoolingDropoutAndRelu => Next(made(Ops.Relu(made(Ops.Dropout(made(Ops.MaxPool2d(a, 2, 2, 0, PoolRounding.Ceiling)), 0.25f, 1, 2, 3))))),
            _ => Ops.Softmax(a),
        };
        Tensor y = Ops.Cast(Ops.Conv2d(b, third.Value), ElementType.Float32);
        tape.Backward(Projection.Loss(y, Array4.Random(y.Shape, "weights")));
        return [.. parameters.Where(p => p.Gradient is not null).SelectMany(p => p.Gradient!.ToArray())];

        Tensor Next(Tensor from) => made(Ops.Conv2d(from, second.Value, null, Same, relu: true));
    }

    private Parameter NewParameter(string name, Shape shape) => new(name, Array4.Random(shape, name).ToTensor(device));
}
