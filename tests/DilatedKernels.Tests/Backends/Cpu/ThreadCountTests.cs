using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cpu;

public class ThreadCountTests
{
    // Large enough that every operation is cut into several pieces.
    private const int Height = 61;
    private const int Width = 67;

    [Test]
    public void EveryThreadCountGivesTheSameBits([Values] ElementType type)
    {
        uint[] one = TrainedBits(1, type);
        Assert.That(TrainedBits(2, type), Is.EqualTo(one));
        Assert.That(TrainedBits(3, type), Is.EqualTo(one));
        Assert.That(TrainedBits(7, type), Is.EqualTo(one));
    }

    private static uint[] TrainedBits(int threads, ElementType type)
    {
        using Device device = TestDevices.Cpu(threads);
        using var network = new SmallNetwork(device, Height, Width, type);
        using var adam = new Adam([network.Scores]);
        using var sgd = new Sgd([network.Scores, network.Context], weightDecay: 1e-3f);
        var values = new List<float>();
        for (ulong step = 1; step <= 3; step++)
        {
            using Tape tape = Tape.Record();
            Tensor loss = network.Loss(step);
            tape.Backward(loss);
            values.Add(loss.Item());
            values.Add(sgd.GradientNorm());
            adam.Step(0.01f);
            sgd.Step(0.5f);
            sgd.ClearGradients();
        }

        values.AddRange(network.Scores.Value.ToArray());
        values.AddRange(network.Context.Value.ToArray());
        return [.. values.Select(BitConverter.SingleToUInt32Bits)];
    }
}
