using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// The soft Dice loss (Milletari et al. 2016) of a softmax over channels, a mean over the K classes that occur among the valid labels:
    /// <c>loss = 1/K · Σ over c of 1 − 2·Σ P_c(p)·[label(p) = c] / (Σ P_c(p)² + Σ [label(p) = c])</c>, where the sums run over all valid positions p of the batch and
    /// <c>P = softmax(scores)</c>. 0 when no position is valid.
    /// </summary>
    /// <param name="scores">Scores before softmax, <c>[N, C, H, W]</c>.</param>
    /// <param name="labels">Class indices <c>[N, H, W]</c>, each below C or equal to <paramref name="ignoreLabel"/>.</param>
    /// <param name="ignoreLabel">The label of positions that do not count; a number outside 0 to 255 ignores none.</param>
    /// <returns>A scalar <c>[1, 1, 1, 1]</c>, float32 for scores of any type.</returns>
    /// <remarks>
    /// Sums are taken in double precision in a fixed order. It is no mean over positions: in a step that is computed in parts (<see cref="Optim.RecordedStep"/>) it is the mean of
    /// the parts' losses, and not that of all images at once.
    /// </remarks>
    /// <exception cref="ArgumentException">The extents or devices do not fit each other, or a label is not a class.</exception>
    public static Tensor DiceLoss(Tensor scores, LabelMap labels, int ignoreLabel = 255)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(labels);
        CheckLabels(scores, labels, ignoreLabel);
        if (Tape.WillRecord(scores))
        {
            return DiceOf(scores, labels, ignoreLabel, records: true);
        }

        using Tape tape = Tape.Inference();
        return tape.MoveOut(DiceOf(scores, labels, ignoreLabel, records: false));
    }

    private static Tensor DiceOf(Tensor scores, LabelMap labels, int ignoreLabel, bool records)
    {
        Backend backend = scores.Backend;
        Tensor probabilities = Softmax(Cast(scores, ElementType.Float32));
        Shape shape = probabilities.Shape;
        Tensor loss = Tape.NewOutput(scores.Device, Shape.Scalar, name: nameof(DiceLoss));
        DeviceBuffer factors = Tape.NewSaved(() => backend.Allocate(2L * shape.C, ElementType.Float32), nameof(DiceLoss));
        backend.DiceForward(shape, probabilities.Buffer, labels.Buffer, ignoreLabel, 1f / labels.Step.Count, loss.Buffer, factors);
        GC.KeepAlive(labels);
        if (records)
        {
            int version = labels.Version;
            Tape.RecordNode(
                loss, [probabilities],
                (dy, gradients) => gradients.Write(0, dx => backend.DiceBackward(shape, probabilities.Buffer, Unchanged(labels, version), ignoreLabel, factors, dy, dx)), factors, nameof(DiceLoss));
        }

        return loss;
    }

    private static DeviceBuffer Unchanged(LabelMap labels, int version) => labels.Version == version
        ? labels.Buffer
        : throw new InvalidOperationException($"The labels have been overwritten since {nameof(DiceLoss)} read them, so its gradient would be that of others: call Backward before labels are set.");
}
