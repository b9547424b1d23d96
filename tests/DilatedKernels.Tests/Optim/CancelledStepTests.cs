using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Optim;

/// <summary>A step on the processor that is given up half-way: nothing has changed, and the next has the bits that it would have had.</summary>
public sealed class CancelledStepTests
{
    [Test]
    public void ACancelledStepChangesNothing([Values] bool adam, [Values] bool inBackward)
    {
        using Device cpu = TestDevices.Cpu(1);
        using var whole = new StepNetwork(cpu, adam);
        using var broken = new StepNetwork(cpu, adam);
        CancellationTokenSource? stop = null;
        using RecordedStep wholeStep = Step(whole, _ => { });
        using RecordedStep brokenStep = Step(broken, isForwardDone =>
        {
            if (isForwardDone == inBackward)
            {
                stop?.Cancel();
            }
        });
        for (ulong i = 0; i < 4; i++)
        {
            if (i == 2)
            {
                float[] before = broken.First.Value.ToArray();
                long live = cpu.Memory.LiveBytes;
                stop = new CancellationTokenSource();
                Assert.That(() => Run(brokenStep, i, stop.Token), Throws.InstanceOf<OperationCanceledException>());
                stop.Dispose();
                stop = null;
                Assert.That(broken.Optimizer.StepCount, Is.EqualTo(2));
                Assert.That(broken.First.Value.ToArray(), Is.EqualTo(before));
                Assert.That(cpu.Memory.LiveBytes, Is.EqualTo(live));
            }

            Assert.That(Run(brokenStep, i, CancellationToken.None), Is.EqualTo(Run(wholeStep, i, CancellationToken.None)), $"step {i}");
        }

        Assert.That(broken.First.Value.ToArray(), Is.EqualTo(whole.First.Value.ToArray()));
    }

    [Test]
    public void AStepCancelledBeforeItBeginsLeavesGradients()
    {
        using Device cpu = TestDevices.Cpu(1);
        using var net = new StepNetwork(cpu, adam: true);
        using RecordedStep step = Step(net, _ => { });
        using (Tape tape = Tape.Record())
        {
            tape.Backward(net.Loss(tape.Adopt(Tensor.FromChannelsLast(cpu, StepNetwork.InputShape, StepNetwork.Input(1))), net.FixedLabels, ForwardContext.Inference));
        }

        float[] gradient = net.First.Gradient!.ToArray();
        Assert.That(() => Run(step, 0, new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(net.First.Gradient!.ToArray(), Is.EqualTo(gradient));
    }

    private static RecordedStep Step(StepNetwork net, Action<bool> at) => new(
        StepNetwork.InputShape,
        StepNetwork.LabelSize,
        net.Optimizer,
        (x, labels, context) =>
        {
            at(false);
            Tensor loss = Ops.SoftmaxCrossEntropy(net.Scores(x, context), labels, 255);
            at(true);
            return loss;
        },
        StepNetwork.Seed);

    private static float Run(RecordedStep step, ulong i, CancellationToken cancellation) =>
        step.Run(i, StepNetwork.Input(i), StepNetwork.Labels(i), StepNetwork.Rate(i), cancellation);
}
