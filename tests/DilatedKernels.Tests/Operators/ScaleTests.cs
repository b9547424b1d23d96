namespace DilatedKernels.Tests.Operators;

public class ScaleTests
{
    [Test]
    public void MultipliesForwardAndBackward()
    {
        using var parameter = new Parameter("x", Tensor.FromArray(Device.Cpu, new Shape(1, 2, 1, 2), [1f, -2f, 3f, 0f]));
        using LabelMap labels = LabelMap.FromArray(Device.Cpu, 1, 1, 2, [0, 1]);
        using Tape tape = Tape.Record();
        Tensor y = tape.Keep(Ops.Scale(parameter.Value, 0.5f));
        tape.Backward(Ops.SoftmaxCrossEntropy(y, labels));
        Assert.That(y.ToArray(), Is.EqualTo(new[] { 0.5f, -1f, 1.5f, 0f }));

        // Softmax of (0.5, 1.5) and (-1, 0), mean over two positions, times the factor.
        double first = 1 / (1 + Math.E);
        double[] expected = [(first - 1) / 4, first / 4, (1 - first) / 4, -first / 4];
        float[] gradient = parameter.Gradient!.ToArray();
        for (int i = 0; i < 4; i++)
        {
            Assert.That(gradient[i], Is.EqualTo(expected[i]).Within(1e-6), $"element {i}");
        }
    }
}
