using DilatedKernels.Tests.Oracles;
using DilatedKernels.Tests.Tensors;

namespace DilatedKernels.Tests.Autograd;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class TapeTests(Device device)
{
    private static readonly Shape Small = new(1, 2, 3, 4);

    [Test]
    public void GradientsOfAFanOutAddUp()
    {
        // y = crop(s) + 2·s over s = softmax(x): s is used three times, and each use gives its gradient in another way.
        OperatorCheck.Verify(
            device,
            t =>
            {
                Tensor s = Ops.Softmax(t[0]);
                return Ops.Add(Ops.ZeroPad(Ops.Crop(s, 0, 0, 2, 4), 0, 1, 0, 0), Ops.Add(s, s));
            },
            a =>
            {
                Array4 x = a[0];
                return Array4.From(Small, (n, c, h, w) => (h < 2 ? 3 : 2) / (1 + Math.Exp(x[n, 1 - c, h, w] - x[n, c, h, w])));
            },
            Array4.Random(Small, "x"));
    }

    [Test]
    public void GradientsAddUpOverTapesUntilCleared()
    {
        using Parameter x = NewParameter();
        RunBackward(x);
        float[] once = x.Gradient!.ToArray();
        RunBackward(x);
        Assert.That(x.Gradient!.ToArray(), Is.EqualTo(Array.ConvertAll(once, g => 2 * g)));
        x.ClearGradient();
        Assert.That(x.Gradient, Is.Null);
        RunBackward(x);
        Assert.That(x.Gradient!.ToArray(), Is.EqualTo(once));
    }

    [Test]
    public void BackwardFreesIntermediatesButNotKeptOnes()
    {
        using Parameter x = NewParameter();
        using Tape tape = Tape.Record();
        Tensor freed = Ops.Softmax(x.Value);
        Tensor kept = tape.Keep(Ops.Softmax(freed));
        Tensor loss = Projection.Loss(kept, Array4.Random(Small, "weights"));
        float[] before = kept.ToArray();
        tape.Backward(loss);
        Assert.That(freed.IsDisposed);
        Assert.That(kept.ToArray(), Is.EqualTo(before));
        Assert.That(loss.IsDisposed, Is.False);
        Assert.That(() => freed.ToArray(), Throws.InstanceOf<ObjectDisposedException>().With.Message.Contains("[1, 2, 3, 4] has been freed").And.Message.Contains("Tape.Keep"));
    }

    [Test]
    public void DisposeFreesWhatTheTapeOwnsAndNothingElse()
    {
        using Parameter x = NewParameter();
        LeftOver.GiveBack(device);
        long live = device.Memory.LiveBytes;
        Tensor y;
        using (Tape tape = Tape.Record())
        {
            y = Ops.MaxPool2d(Ops.Softmax(x.Value), 2, 1);
            Assert.That(device.Memory.LiveBytes, Is.GreaterThan(live));
        }

        Assert.That(y.IsDisposed);
        Assert.That(x.Value.IsDisposed, Is.False);
        Assert.That(device.Memory.LiveBytes, Is.EqualTo(live), "the recorded winners are freed too");
    }

    [Test]
    public void BackwardRunsOnce()
    {
        using Parameter x = NewParameter();
        using Tape tape = Tape.Record();
        Tensor loss = LossOf(x);
        tape.Backward(loss);
        Assert.That(() => tape.Backward(loss), Throws.InvalidOperationException.With.Message.Contains("ran backward already"));
    }

    [Test]
    public void AfterBackwardATapeRecordsNothing()
    {
        using Parameter x = NewParameter();
        using Tape tape = Tape.Record();
        Tensor kept = tape.Keep(Ops.Softmax(x.Value));
        tape.Backward(Projection.Loss(kept, Array4.Random(Small, "weights")));
        Assert.That(tape.IsRecording, Is.False);
        Tensor later = Projection.Loss(Ops.Add(kept, x.Value), Array4.Random(Small, "weights"));
        Assert.That(later.RequiresGradient, Is.False);
        using Tape inner = Tape.Record();
        inner.Backward(Projection.Loss(Ops.Add(kept, x.Value), Array4.Random(Small, "weights")));
        inner.Dispose();
        Assert.That(() => tape.Backward(later), Throws.InvalidOperationException.With.Message.Contains("ran backward already"));
    }

    [Test]
    public void TensorsOfAnotherTapeAreRefusedWhereTheirGradientWouldBeLost()
    {
        using Parameter x = NewParameter();
        using Tape outer = Tape.Record();
        Tensor before = Ops.Softmax(x.Value);
        using Tape inner = Tape.Record();
        Assert.That(() => Ops.Add(before, x.Value), Throws.InvalidOperationException.With.Message.Contains("Add (x) reads the tensor [1, 2, 3, 4] of another tape"));
        Assert.That(() => inner.Keep(before), Throws.ArgumentException.With.Message.Contains("belongs to another tape"));
        inner.Dispose();
        outer.Backward(Projection.Loss(before, Array4.Random(Small, "weights")));
        Assert.That(x.Gradient, Is.Not.Null);
    }

    [Test]
    public void ValuesOverwrittenBeforeBackwardAreRefused([Values] bool byOptimizer)
    {
        using Parameter x = NewParameter();
        using Parameter y = new("y", Array4.Random(Small, "y").ToTensor(device));
        using var optimizer = new DilatedKernels.Optim.Sgd([x]);
        using Tape tape = Tape.Record();
        Tensor loss = Projection.Loss(Ops.Add(Ops.Softmax(x.Value), y.Value), Array4.Random(Small, "weights"));
        if (byOptimizer)
        {
            RunBackward(x);
            optimizer.Step(0.1f);
            x.ClearGradient();
        }
        else
        {
            x.Value.SetArray(new float[Small.Count]);
        }

        Assert.That(() => tape.Backward(loss), Throws.InvalidOperationException.With.Message.Contains("The parameter 'x' has been overwritten since Softmax (x) read it"));
        Assert.That(x.Gradient, Is.Null);
        Assert.That(y.Gradient, Is.Null);
    }

    [Test]
    public void AParameterOwnsItsValueAlone()
    {
        using Parameter x = NewParameter();
        using Tape tape = Tape.Inference();
        Tensor y = Ops.Softmax(x.Value);
        Assert.That(() => new Parameter("y", y), Throws.ArgumentException.With.Message.Contains("belongs to a tape"));
        Assert.That(() => new Parameter("y", x.Value), Throws.ArgumentException.With.Message.Contains("belongs to the parameter 'x'"));
        Assert.That(() => tape.Adopt(x.Value), Throws.ArgumentException.With.Message.Contains("belongs to the parameter 'x'"));
        using var own = new Parameter("y", tape.MoveOut(y));
        Assert.That(own.IsTrainable);
    }

    [Test]
    public void BackwardRefusesWhatItCannotStartFrom()
    {
        using Parameter x = NewParameter();
        using (Tape inference = Tape.Inference())
        {
            Tensor loss = LossOf(x);
            Assert.That(loss.RequiresGradient, Is.False);
            Assert.That(() => inference.Backward(loss), Throws.InvalidOperationException.With.Message.Contains("Tape.Record"));
        }

        using Tape tape = Tape.Record();
        Tensor y = Ops.Softmax(x.Value);
        Assert.That(() => tape.Backward(y), Throws.ArgumentException.With.Message.Contains("scalar [1, 1, 1, 1]; this tensor is [1, 2, 3, 4]"));
        using var free = Tensor.Zeros(device, Shape.Scalar);
        Assert.That(() => tape.Backward(free), Throws.InvalidOperationException.With.Message.Contains("no trainable parameter"));
        tape.Dispose();
        Assert.That(() => tape.Backward(free), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void FrozenParametersGetNoGradientAndRecordNothing()
    {
        using Parameter frozen = NewParameter();
        using Parameter trained = NewParameter();
        frozen.IsTrainable = false;
        using Tape tape = Tape.Record();
        Tensor s = Ops.Softmax(frozen.Value);
        Assert.That(s.RequiresGradient, Is.False);
        tape.Backward(Projection.Loss(Ops.Add(s, trained.Value), Array4.Random(Small, "weights")));
        Assert.That(frozen.Gradient, Is.Null);
        Assert.That(trained.Gradient, Is.Not.Null);
    }

    [Test]
    public void ATensorMovedOutOutlivesItsTape()
    {
        using Parameter x = NewParameter();
        LeftOver.GiveBack(device);
        long live = device.Memory.LiveBytes;
        Tensor y;
        using (Tape tape = Tape.Inference())
        {
            y = tape.MoveOut(Ops.Softmax(x.Value));
        }

        Assert.That(y.ToArray(), Has.Length.EqualTo(24));
        y.Dispose();
        Assert.That(device.Memory.LiveBytes, Is.EqualTo(live));
    }

    [Test]
    public void ARecordedTensorMovesOutAfterBackward()
    {
        using Parameter x = NewParameter();
        Tensor y;
        using (Tape tape = Tape.Record())
        {
            y = tape.Keep(Ops.Softmax(x.Value));
            Tensor loss = Projection.Loss(y, Array4.Random(Small, "weights"));
            Assert.That(() => tape.MoveOut(y), Throws.InvalidOperationException.With.Message.Contains("Backward still needs the tensor [1, 2, 3, 4]"));
            tape.Backward(loss);
            tape.MoveOut(y);
        }

        Assert.That(x.Gradient, Is.Not.Null);
        Assert.That(y.RequiresGradient, Is.False);
        Assert.That(y.ToArray(), Is.All.Positive);
        y.Dispose();
    }

    [Test]
    public void TheInnerTapeOwnsWhatIsMadeInsideIt()
    {
        using Parameter x = NewParameter();
        using Tape outer = Tape.Record();
        Tensor before = Ops.Softmax(x.Value);
        Tensor inside;
        Tensor handed;
        using (Tape inner = Tape.Inference())
        {
            Assert.That(Tape.Current, Is.SameAs(inner));
            inside = Ops.Softmax(before);
            handed = inner.MoveOut(Ops.Softmax(before));
            Assert.That(inside.RequiresGradient, Is.False);
            Assert.That(() => inner.MoveOut(before), Throws.ArgumentException.With.Message.Contains("does not belong to this tape"));
        }

        Assert.That(Tape.Current, Is.SameAs(outer));
        Assert.That(inside.IsDisposed);
        Assert.That(before.IsDisposed, Is.False);
        Assert.That(handed.IsDisposed, Is.False);
        outer.Dispose();
        Assert.That(Tape.Current, Is.Null);
        Assert.That(handed.IsDisposed);
    }

    [Test]
    public void WithoutATapeTheCallerOwnsTheResult()
    {
        using Parameter x = NewParameter();
        Tensor y = Ops.Softmax(x.Value);
        Assert.That(y.RequiresGradient, Is.False);
        y.Dispose();
        Assert.That(y.IsDisposed);
    }

    private Parameter NewParameter() => new("x", Array4.Random(Small, "x").ToTensor(device));

    private static Tensor LossOf(Parameter x) => Projection.Loss(Ops.Softmax(x.Value), Array4.Random(Small, "weights"));

    private static void RunBackward(Parameter x)
    {
        using Tape tape = Tape.Record();
        tape.Backward(LossOf(x));
    }
}
