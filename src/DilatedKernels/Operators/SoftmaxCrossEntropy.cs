using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// The mean cross-entropy of a softmax over channels: <c>loss = −1/V · Σ over valid p of ln softmax(scores(p))[label(p)]</c>, where the V valid
    /// positions are those whose label is not <paramref name="ignoreLabel"/>. 0 when there is none.
    /// </summary>
    /// <param name="scores">Scores before softmax, <c>[N, C, H, W]</c>.</param>
    /// <param name="labels">Class indices <c>[N, H, W]</c>, each below C or equal to <paramref name="ignoreLabel"/>.</param>
    /// <param name="ignoreLabel">The label of positions that do not count; a number outside 0 to 255 ignores none.</param>
    /// <returns>A scalar <c>[1, 1, 1, 1]</c>, float32 for scores of any type.</returns>
    /// <remarks>On a recording tape the gradient <c>(softmax − onehot) / V</c> is computed along with the loss. Sums are taken in double precision in a fixed order.</remarks>
    /// <exception cref="ArgumentException">The extents or devices do not fit each other, or a label is not a class.</exception>
    public static Tensor SoftmaxCrossEntropy(Tensor scores, LabelMap labels, int ignoreLabel = 255)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(labels);
        CheckLabels(scores, labels, ignoreLabel);
        Backend backend = scores.Backend;
        long count = scores.Shape.Count;
        long validCount = labels.Step.CountValid(ignoreLabel);
        bool records = Tape.WillRecord(scores);

        Tensor loss = Tape.NewOutput(scores.Device, Shape.Scalar);
        DeviceBuffer? gradient = records ? Tape.NewSaved(() => backend.Allocate(count, scores.ElementType)) : null;
        backend.SoftmaxCrossEntropy(scores.Shape, scores.Buffer, labels.Buffer, ignoreLabel, validCount, loss.Buffer, gradient);

        // No gradient holds the labels: their finalizer must not free what is being read.
        GC.KeepAlive(labels);

        if (records)
        {
            Tape.RecordNode(loss, [scores], (dy, gradients) => gradients.Write(0, dx => backend.ScaleBy(gradient!, dy, dx, count)), gradient);
        }

        return loss;
    }

    private static void CheckLabels(Tensor scores, LabelMap labels, int ignoreLabel) => CheckLabels(scores, scores.Shape, labels, ignoreLabel);

    /// <summary>Refuses labels that do not fit scores of <paramref name="shape"/>, which those given may yet have to be brought to.</summary>
    private static void CheckLabels(Tensor scores, Shape shape, LabelMap labels, int ignoreLabel)
    {
        CheckHasChannels(shape);
        if (labels.Device != scores.Device)
        {
            throw new ArgumentException($"The scores {scores.Shape} on {scores.Device} and the labels on {labels.Device} are on different devices.", nameof(labels));
        }

        if ((labels.Batch, labels.Height, labels.Width) != (shape.N, shape.H, shape.W))
        {
            throw new ArgumentException(
                $"The scores {scores.Shape} need labels [{shape.N}, {shape.H}, {shape.W}]; they were [{labels.Batch}, {labels.Height}, {labels.Width}].", nameof(labels));
        }

        labels.CheckClasses(shape.C, ignoreLabel);
    }
}
