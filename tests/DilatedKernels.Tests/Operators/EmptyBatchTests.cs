using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

/// <summary>No images: results without elements, gradients of zero, and no launch of nothing.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class EmptyBatchTests(Device device)
{
    private static readonly Shape Empty = new(0, 8, 4, 6);

    private static IEnumerable<TestCaseData> Operators()
    {
        yield return Case("Add", x => Ops.Add(x, x), Empty);
        yield return Case("AveragePool2d", x => Ops.AveragePool2d(x, 3, 1), Empty);
        yield return Case("BilinearDeconvolution", x => Ops.BilinearDeconvolution(x, 2), Empty with { H = 8, W = 12 });
        yield return Case("Concat", x => Ops.Concat(x, x), Empty with { C = 16 });
        yield return Case("Crop", x => Ops.Crop(x, 1, 1, 2, 3), Empty with { H = 2, W = 3 });
        yield return Case("Dropout", x => Ops.Dropout(x, 0.5f, 1, 2, 3), Empty);
        yield return Case("MaxPool2d", x => Ops.MaxPool2d(x, 2, 2), Empty with { H = 2, W = 3 });
        yield return Case("ReflectionPad", x => Ops.ReflectionPad(x, 1, 1, 1, 1), Empty with { H = 6, W = 8 });
        yield return Case("Relu", Ops.Relu, Empty);
        yield return Case("Scale", x => Ops.Scale(x, 2), Empty);
        yield return Case("Softmax", Ops.Softmax, Empty);
        yield return Case("UpsampleBilinear", x => Ops.UpsampleBilinear(x, 8, 12, BilinearAlignment.HalfPixel), Empty with { H = 8, W = 12 });
        yield return Case("ZeroPad", x => Ops.ZeroPad(x, 1, 1, 1, 1), Empty with { H = 6, W = 8 });

        static TestCaseData Case(string name, Func<Tensor, Tensor> op, Shape result) => new TestCaseData(op, result).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Operators))]
    public void GivesAnEmptyResultAndGradient(object op, Shape result)
    {
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            using var x = new Parameter("x", Tensor.Zeros(device, Empty));
            using Tape tape = Tape.Record();
            Tensor y = ((Func<Tensor, Tensor>)op)(Ops.Cast(x.Value, type));
            Assert.That(y.Shape, Is.EqualTo(result));
            Assert.That(y.ToArray(), Is.Empty);
            tape.Backward(Projection.Loss(y, Array4.Random(result, "none")));
            Assert.That(x.Gradient!.Shape, Is.EqualTo(Empty));
        }
    }

    [Test]
    public void GivesWeightsAGradientOfZero()
    {
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            using var x = new Parameter("x", Tensor.Zeros(device, Empty));
            using var weight = new Parameter("weight", Array4.Random(new Shape(5, 8, 3, 3), "weight").ToTensor(device));
            using var bias = new Parameter("bias", Array4.Random(Shape.PerChannel(5), "bias").ToTensor(device));
            using var turned = new Parameter("turned", Array4.Random(new Shape(5, 3, 2, 2), "turned").ToTensor(device));
            using var shift = new Parameter("shift", Array4.Random(Shape.PerChannel(3), "shift").ToTensor(device));
            using Tape tape = Tape.Record();
            Tensor y = Ops.Conv2d(Ops.Cast(x.Value, type), weight.Value, bias.Value, new Conv2dOptions { Padding = 2, Dilation = 2 }, relu: true);
            y = Ops.Bias(Ops.TransposedConv2d(y, turned.Value, 2), shift.Value);
            Assert.That(y.Shape, Is.EqualTo(new Shape(0, 3, 8, 12)));
            tape.Backward(Projection.Loss(y, Array4.Random(y.Shape, "none")));
            foreach (Parameter parameter in new[] { weight, bias, turned, shift })
            {
                Assert.That(parameter.Gradient!.ToArray(), Is.EqualTo(new float[parameter.Value.Shape.Count]), parameter.Name);
            }
        }
    }

    [Test]
    public void HasALossOfZero()
    {
        using var scores = new Parameter("scores", Tensor.Zeros(device, Empty));
        using LabelMap labels = LabelMap.FromArray(device, 0, 4, 6, []);
        using Tape tape = Tape.Record();
        using LabelMap fine = LabelMap.FromArray(device, 0, 8, 9, []);
        Tensor loss = Ops.Add(Ops.SoftmaxCrossEntropy(scores.Value, labels), Ops.Add(Ops.FocalLoss(scores.Value, labels, 2), Ops.DiceLoss(scores.Value, labels)));
        loss = Ops.Add(loss, Ops.UpsampleSoftmaxCrossEntropy(scores.Value, fine));
        Assert.That(loss.ToArray(), Is.EqualTo(new[] { 0f }));
        tape.Backward(loss);
        Assert.That(scores.Gradient!.Shape, Is.EqualTo(Empty));
    }

    [Test]
    public void IsMultipliedByAMatrix()
    {
        using SparseMatrix matrix = SparseMatrix.FromRows(device, 24, [0, 1, 2], [new SparseEntry(3, 1), new SparseEntry(5, 2)]);
        using var x = new Parameter("x", Tensor.Zeros(device, Empty));
        using Tape tape = Tape.Record();
        Tensor y = Ops.SparseProduct(matrix, x.Value);
        Assert.That(y.Shape, Is.EqualTo(new Shape(0, 8, 1, 2)));
        tape.Backward(Projection.Loss(y, Array4.Random(y.Shape, "none")));
        Assert.That(x.Gradient!.Shape, Is.EqualTo(Empty));
    }
}
