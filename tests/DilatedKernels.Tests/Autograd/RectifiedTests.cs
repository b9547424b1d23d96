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
