using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Autograd;

/// <summary>A tape that looks names the operator whose numbers were the first to be not finite.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class AnomalyTests(Device device)
{
    private static readonly Shape Image = new(1, 1, 3, 4);

    [Test]
    public void NamesTheOperatorThatOverflows([Values] ElementType type)
    {
        using Parameter first = Factor("first", 1e30f);
        using Parameter second = Factor("second", 1e30f);
        using Tensor ones = Constant(1);
        NonFiniteException e = Assert.Throws<NonFiniteException>(() => Forward(type, ones, first, second))!;
        Assert.That(e.Message, Is.EqualTo("The result [1, 1, 3, 4] of Conv2d (second) holds Infinity, though its inputs are finite."));
    }

    [Test]
    public void NamesWhatWasThereAlready()
    {
        using Parameter first = Factor("first", 1);
        using Parameter spoilt = Factor("spoilt", float.NaN);
        using Tensor ones = Constant(1);
        using Tensor infinities = Constant(float.NegativeInfinity);
        Assert.That(
            Assert.Throws<NonFiniteException>(() => Forward(ElementType.Float32, ones, first, spoilt))!.Message, Is.EqualTo("The parameter 'spoilt' holds NaN already."));
        Assert.That(
            Assert.Throws<NonFiniteException>(() => Forward(ElementType.Float32, infinities, first))!.Message, Is.EqualTo("An input [1, 1, 3, 4] of Conv2d (first) holds -Infinity already."));
    }

    [Test]
    public void NamesTheOperatorWhoseGradientOverflows()
    {
        using Parameter first = Factor("first", 1e-30f);
        using Parameter second = Factor("second", 1e30f);
        using Tensor ones = Constant(1);
        using Tape tape = Tape.Record(detectAnomaly: true);
        Tensor y = Ops.Conv2d(Ops.Conv2d(ones, first.Value), second.Value);
        var weights = Array4.From(Image, (_, _, _, _) => 1e10);
        NonFiniteException e = Assert.Throws<NonFiniteException>(() => tape.Backward(Projection.Loss(y, weights)))!;
        Assert.That(
            e.Message, Is.EqualTo("The gradient of Conv2d (second) with respect to its input [1, 1, 3, 4] holds Infinity, though the gradient of its result is finite."));
    }

    [Test]
    public void AStepFindsItAndLeavesEverythingAsItWas()
    {
        using var net = new StepNetwork(device, adam: true);
        using RecordedStep step = net.Step();
        float[][] before = net.Everything();
        float[] broken = StepNetwork.Input(0);
        broken[17] = float.NaN;
        Assert.That(step.FindAnomaly(0, StepNetwork.Input(0), StepNetwork.Labels(0)), Is.Null);
        Assert.That(step.FindAnomaly(0, broken, StepNetwork.Labels(0))!.Message, Does.EndWith("holds NaN already."));
        Assert.That(net.Everything(), Is.EqualTo(before));
        Assert.That(net.Optimizer.Parameters.Select(p => p.Gradient), Is.All.Null);
    }

    [Test]
    public void LookingChangesNothing([Values] ElementType type)
    {
        Assert.That(Gradient(true), Is.EqualTo(Gradient(false)));

        float[] Gradient(bool detectAnomaly)
        {
            using var weight = new Parameter("weight", Array4.Random(new Shape(3, 2, 3, 3), "weight").ToTensor(device));
            using Tensor x = Array4.Random(new Shape(2, 2, 8, 7), "x").ToTensor(device);
            using Tape tape = Tape.Record(detectAnomaly);
            Tensor y = Ops.Cast(Ops.MaxPool2d(Ops.Conv2d(Ops.Cast(x, type), weight.Value, relu: true), 2, 2), ElementType.Float32);
            tape.Backward(Projection.Loss(y, Array4.Random(y.Shape, "projection")));
            return weight.Gradient!.ToArray();
        }
    }

    [Test]
    public void LargeTensorsAreReadInPieces([Values] ElementType type, [Values(1, 100, 1000)] int pieceBytes)
    {
        var shape = new Shape(2, 3, 5, 4);
        for (int spoilt = -1; spoilt < shape.Count; spoilt++)
        {
            float[] values = new float[shape.Count];
            if (spoilt >= 0)
            {
                values[spoilt] = float.NegativeInfinity;
            }

            using Tensor tensor = Tensor.FromArray(device, shape, values, type);
            Assert.That(FiniteCheck.First(device.Backend, tensor.Buffer, shape, pieceBytes), Is.EqualTo(spoilt < 0 ? null : float.NegativeInfinity), $"element {spoilt}");
        }
    }

    private static void Forward(ElementType type, Tensor x, params Parameter[] factors)
    {
        using Tape tape = Tape.Record(detectAnomaly: true);
        Tensor y = Ops.Cast(x, type);
        foreach (Parameter factor in factors)
        {
            y = Ops.Conv2d(y, factor.Value);
        }
    }

    private Parameter Factor(string name, float value) => new(name, Tensor.FromArray(device, Shape.Scalar, [value]));

    private Tensor Constant(float value) => Array4.From(Image, (_, _, _, _) => value).ToTensor(device);
}
