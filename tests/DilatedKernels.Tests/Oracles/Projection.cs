namespace DilatedKernels.Tests.Oracles;

/// <summary>The loss <c>Σ w·y</c> with given weights: its backward pass starts an operator's from any output gradient.</summary>
internal static class Projection
{
    public static Tensor Loss(Tensor y, Array4 weights)
    {
        double sum = y.ToArray().Zip(weights.Values, (a, b) => a * b).Sum();
        Tensor loss = Tape.NewOutput(y.Device, Shape.Scalar);
        loss.SetChannelsLast([(float)sum]);
        if (Tape.WillRecord(y))
        {
            float[] gradient = new float[y.Shape.Count];
            ChannelOrder.ToChannelsLast(y.Shape, weights.ToSingle(), gradient);
            Tape.RecordNode(loss, [y], (_, gradients) => gradients.Write(0, dy =>
            {
                using Tensor given = Tensor.FromChannelsLast(y.Device, y.Shape, gradient, y.ElementType);
                y.Device.Backend.Copy(given.Buffer, dy, gradient.Length * y.ElementType.Size());
            }));
        }

        return loss;
    }
}
