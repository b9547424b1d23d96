using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// The focal loss (Lin et al. 2017) of a softmax over channels, which makes less of positions that are nearly right:
    /// <c>loss = Σ w(l)·(1 − q)^γ·(−ln q) / Σ w(l)</c> over valid positions p, with <c>l = label(p)</c>, <c>q = softmax(scores(p))[l]</c> and the weight
    /// <c>w(l)</c> of class l. 0 when the weights of all positions add up to 0.
    /// </summary>
    /// <param name="scores">Scores before softmax, <c>[N, C, H, W]</c>.</param>
    /// <param name="labels">Class indices <c>[N, H, W]</c>, each below C or equal to <paramref name="ignoreLabel"/>.</param>
    /// <param name="gamma">The exponent γ, 0 or more and finite; 2 in the paper. 0 gives the cross-entropy.</param>
    /// <param name="weights">C weights, or null where every class counts the same.</param>
    /// <param name="ignoreLabel">The label of positions that do not count; a number outside 0 to 255 ignores none.</param>
    /// <returns>A scalar <c>[1, 1, 1, 1]</c>, float32 for scores of any type.</returns>
    /// <remarks>
    /// On a recording tape the gradient <c>w(l)·((1 − q)^γ − γ·q·(1 − q)^(γ−1)·ln q)·(softmax − onehot) / Σ w(l)</c> is computed along with the loss. Sums are taken in
    /// double precision in a fixed order.
    /// </remarks>
    /// <exception cref="ArgumentException">The extents or devices do not fit each other, or a label is not a class.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="gamma"/> is negative or not finite.</exception>
    public static Tensor FocalLoss(Tensor scores, LabelMap labels, float gamma, ClassWeights? weights = null, int ignoreLabel = 255)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(labels);
        if (!(gamma >= 0f && float.IsFinite(gamma)))
        {
            throw new ArgumentOutOfRangeException(nameof(gamma), gamma, "The focal loss's gamma is 0 or more and finite.");
        }

        return WeightedLoss(scores, labels, gamma, weights, ignoreLabel);
    }

    /// <summary>
    /// The mean cross-entropy of a softmax over channels in which classes have weights:
    /// <c>loss = Σ w(label(p))·(−ln softmax(scores(p))[label(p)]) / Σ w(label(p))</c> over valid positions p. 0 when the weights of all positions add up to 0.
    /// </summary>
    /// <param name="scores">Scores before softmax, <c>[N, C, H, W]</c>.</param>
    /// <param name="labels">Class indices <c>[N, H, W]</c>, each below C or equal to <paramref name="ignoreLabel"/>.</param>
    /// <param name="weights">C weights.</param>
    /// <param name="ignoreLabel">The label of positions that do not count; a number outside 0 to 255 ignores none.</param>
    /// <returns>A scalar <c>[1, 1, 1, 1]</c>, float32 for scores of any type.</returns>
    /// <remarks>On a recording tape the gradient is computed along with the loss. Sums are taken in double precision in a fixed order.</remarks>
    /// <exception cref="ArgumentException">The extents or devices do not fit each other, or a label is not a class.</exception>
    public static Tensor SoftmaxCrossEntropy(Tensor scores, LabelMap labels, ClassWeights weights, int ignoreLabel = 255)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(weights);
        return WeightedLoss(scores, labels, 0f, weights, ignoreLabel);
    }

    private static Tensor WeightedLoss(Tensor scores, LabelMap labels, float gamma, ClassWeights? weights, int ignoreLabel)
    {
        CheckLabels(scores, labels, ignoreLabel);
        CheckWeights(scores, weights);
        Backend backend = scores.Backend;
        long count = scores.Shape.Count;
        double total = ClassWeights.TotalOf(weights, labels, ignoreLabel);
        bool records = Tape.WillRecord(scores);

        Tensor loss = Tape.NewOutput(scores.Device, Shape.Scalar, name: nameof(FocalLoss));
        DeviceBuffer? gradient = records ? Tape.NewSaved(() => backend.Allocate(count, scores.ElementType), nameof(FocalLoss)) : null;
        backend.FocalLoss(scores.Shape, scores.Buffer, labels.Buffer, ignoreLabel, weights, total, gamma, loss.Buffer, gradient);

        // No gradient holds labels and weights: their finalizers must not free what is being read.
        GC.KeepAlive(labels);
        GC.KeepAlive(weights);

        if (records)
        {
            Tape.RecordNode(loss, [scores], (dy, gradients) => gradients.Write(0, dx => backend.ScaleBy(gradient!, dy, dx, count)), gradient, nameof(FocalLoss));
        }

        return loss;
    }

    private static void CheckWeights(Tensor scores, ClassWeights? weights)
    {
        if (weights is not null && (weights.Values.Count != scores.Shape.C || weights.Device != scores.Device))
        {
            throw new ArgumentException(
                $"The scores {scores.Shape} on {scores.Device} need {scores.Shape.C} class weights there; there were {weights.Values.Count} on {weights.Device}.", nameof(weights));
        }
    }
}
