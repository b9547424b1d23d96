using DilatedKernels.Tests.Oracles;
using DilatedKernels.Tests.Tensors;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class DiceLossTests(Device device)
{
    private const byte Void = 255;

    [Test]
    public void MatchesDefinition([Values(2, 3, 8, 21, 45, 100, 130, 257, 300)] int channels)
    {
        var shape = new Shape(2, channels, 3, 4);
        byte[] labels = RandomLabels(shape);
        using LabelMap map = LabelMap.FromArray(device, shape.N, shape.H, shape.W, labels);
        OperatorCheck.Verify(device, t => Ops.DiceLoss(t[0], map), a => Reference(a[0], labels, Void), Array4.Random(shape, "scores", scale: 3));
    }

    [Test]
    public void AddsUpManyPixels()
    {
        // Several pieces of work, and several blocks.
        var shape = new Shape(1, 3, 47, 33);
        byte[] labels = RandomLabels(shape);
        using LabelMap map = LabelMap.FromArray(device, 1, shape.H, shape.W, labels);
        Array4 values = Array4.Random(shape, "many", scale: 3);
        using Tensor scores = values.ToTensor(device);
        using Tensor loss = Ops.DiceLoss(scores, map);
        Assert.That(OperatorCheck.RelativeError(loss.ToArray(), Reference(values, labels, Void).Values), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void AnyLabelCanBeVoid()
    {
        byte[] labels = [0, 11, 10, 3, 11, 7];
        using LabelMap map = LabelMap.FromArray(device, 1, 2, 3, labels);
        OperatorCheck.Verify(device, t => Ops.DiceLoss(t[0], map, ignoreLabel: 11), a => Reference(a[0], labels, 11), Array4.Random(new Shape(1, 11, 2, 3), "camvid"));
    }

    [Test]
    public void NothingValidGivesZeroLossAndZeroGradient()
    {
        using var scores = new Parameter("scores", Array4.Random(new Shape(1, 5, 2, 2), "void").ToTensor(device));
        using LabelMap labels = LabelMap.FromArray(device, 1, 2, 2, [Void, Void, Void, Void]);
        using Tape tape = Tape.Record();
        Tensor loss = Ops.DiceLoss(scores.Value, labels);
        tape.Backward(loss);
        Assert.That(loss.Item(), Is.Zero);
        Assert.That(scores.Gradient!.ToArray(), Is.All.Zero);
    }

    [Test]
    public void AllRightIsZeroAndAllWrongIsOne()
    {
        using LabelMap labels = LabelMap.FromArray(device, 1, 1, 4, [0, 1, 1, 0]);
        Assert.That(Loss(right: true), Is.Zero);
        Assert.That(Loss(right: false), Is.EqualTo(1f));

        float Loss(bool right)
        {
            using Tensor scores = Array4.From(new Shape(1, 2, 1, 4), (_, c, _, w) => (c == (w is 1 or 2 ? 1 : 0)) == right ? 200 : 0).ToTensor(device);
            using Tensor loss = Ops.DiceLoss(scores, labels);
            return loss.Item();
        }
    }

    [Test]
    public void LabelsOverwrittenBeforeBackwardAreRefused()
    {
        var shape = new Shape(1, 2, 2, 2);
        using var scores = new Parameter("scores", Array4.Random(shape, "scores").ToTensor(device));
        using LabelMap labels = LabelMap.FromArray(device, 1, 2, 2, [0, 1, 1, 0]);
        using Tape tape = Tape.Record();
        Tensor loss = Ops.DiceLoss(scores.Value, labels);
        labels.SetArray([1, 1, 1, 0]);
        Assert.That(() => tape.Backward(loss), Throws.InvalidOperationException.With.Message.Contains("The labels have been overwritten since DiceLoss read them"));
        Assert.That(scores.Gradient, Is.Null);
    }

    [Test]
    public void LeavesNoMemoryBehind()
    {
        using Tensor scores = Array4.Random(new Shape(1, 3, 2, 2), "memory").ToTensor(device);
        using LabelMap labels = LabelMap.FromArray(device, 1, 2, 2, [0, 1, 2, 0]);
        Ops.DiceLoss(scores, labels).Dispose();
        LeftOver.GiveBack(device);
        long before = device.Memory.LiveBytes;
        Ops.DiceLoss(scores, labels).Dispose();
        Assert.That(device.Memory.LiveBytes, Is.EqualTo(before));
    }

    [Test]
    public void RefusesALabelThatIsNoClass()
    {
        using var scores = Tensor.Zeros(device, new Shape(1, 3, 1, 1));
        using LabelMap labels = LabelMap.FromArray(device, 1, 1, 1, [3]);
        Assert.That(() => Ops.DiceLoss(scores, labels), Throws.ArgumentException.With.Message.Contains("The label 3"));
    }

    private static byte[] RandomLabels(Shape shape)
    {
        var random = new RandomSequence(3, "labels");
        return [.. Enumerable.Range(0, (int)shape.Positions).Select(i => i % 5 == 2 ? Void : (byte)random.NextInt32(Math.Min(shape.C, 255)))];
    }

    private static Array4 Reference(Array4 scores, byte[] labels, int ignoreLabel)
    {
        int channels = scores.Shape.C;
        double[] both = new double[channels], squares = new double[channels], own = new double[channels];
        Array4.From(scores.Shape with { C = 1 }, (n, _, h, w) =>
        {
            int label = labels[(((n * scores.Shape.H) + h) * scores.Shape.W) + w];
            if (label != ignoreLabel)
            {
                double sum = Enumerable.Range(0, channels).Sum(k => Math.Exp(scores[n, k, h, w]));
                for (int c = 0; c < channels; c++)
                {
                    double p = Math.Exp(scores[n, c, h, w]) / sum;
                    both[c] += c == label ? p : 0;
                    squares[c] += p * p;
                    own[c] += c == label ? 1 : 0;
                }
            }

            return 0;
        });
        int[] present = [.. Enumerable.Range(0, channels).Where(c => own[c] > 0)];
        return new Array4(Shape.Scalar, [present.Sum(c => 1 - (2 * both[c] / (squares[c] + own[c]))) / present.Length]);
    }
}
