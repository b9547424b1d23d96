using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// <see cref="UpsampleBilinear"/> to the labels' size and the cross-entropy of what it gives, in one: the same loss and gradient, without memory for the
    /// enlarged scores. For training on labels that are finer than a network's scores.
    /// </summary>
    /// <param name="scores">Scores before upsampling and softmax, <c>[N, C, H, W]</c>.</param>
    /// <param name="labels">Class indices <c>[N, outHeight, outWidth]</c>, each below C or equal to <paramref name="ignoreLabel"/>.</param>
    /// <param name="alignment">Which source coordinate a label's position reads.</param>
    /// <param name="weights">C weights as of <see cref="SoftmaxCrossEntropy(Tensor, LabelMap, ClassWeights, int)"/>, or null where every class counts the same.</param>
    /// <param name="ignoreLabel">The label of positions that do not count; a number outside 0 to 255 ignores none.</param>
    /// <returns>A scalar <c>[1, 1, 1, 1]</c>, float32 for scores of any type.</returns>
    /// <remarks>
    /// On a recording tape the gradient is computed along with the loss, in gather form. Sums are taken in a fixed order, those of the loss in double precision. The enlarged scores and
    /// their gradients are never rounded to bfloat16.
    /// </remarks>
    /// <exception cref="ArgumentException">The extents or devices do not fit each other, a map is empty, or a label is not a class.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The alignment is none of the named ones.</exception>
    public static Tensor UpsampleSoftmaxCrossEntropy(
        Tensor scores, LabelMap labels, BilinearAlignment alignment = BilinearAlignment.HalfPixel, ClassWeights? weights = null, int ignoreLabel = 255)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(labels);
        CheckNotEmpty(scores.Shape);
        if (labels.Height < 1 || labels.Width < 1)
        {
            throw new ArgumentException($"The labels [{labels.Batch}, {labels.Height}, {labels.Width}] have no pixels; their height and width are 1 or more.", nameof(labels));
        }

        Func<int, int, ResampleAxis> axis = AxisOf(alignment);
        return UpsampledCrossEntropy(scores, labels, axis(scores.Shape.H, labels.Height), axis(scores.Shape.W, labels.Width), weights, ignoreLabel);
    }

    /// <summary>
    /// <see cref="BilinearDeconvolution"/>, padded, and the cross-entropy of what it gives, in one: as
    /// <see cref="UpsampleSoftmaxCrossEntropy(Tensor, LabelMap, BilinearAlignment, ClassWeights?, int)"/>.
    /// </summary>
    /// <param name="scores">Scores before upsampling and softmax, <c>[N, C, H, W]</c>.</param>
    /// <param name="labels">Class indices <c>[N, s·H, s·W]</c>, each below C or equal to <paramref name="ignoreLabel"/>.</param>
    /// <param name="scale">s, 1 or more.</param>
    /// <param name="weights">C weights, or null where every class counts the same.</param>
    /// <param name="ignoreLabel">The label of positions that do not count; a number outside 0 to 255 ignores none.</param>
    /// <returns>A scalar <c>[1, 1, 1, 1]</c>, float32 for scores of any type.</returns>
    /// <exception cref="ArgumentException">The extents or devices do not fit each other, the map is empty, or a label is not a class.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="scale"/> is below 1.</exception>
    public static Tensor DeconvolutionSoftmaxCrossEntropy(Tensor scores, LabelMap labels, int scale, ClassWeights? weights = null, int ignoreLabel = 255)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfLessThan(scale, 1);
        CheckNotEmpty(scores.Shape);
        return UpsampledCrossEntropy(
            scores, labels, ResampleAxis.Deconvolution(scores.Shape.H, scale, padded: true), ResampleAxis.Deconvolution(scores.Shape.W, scale, padded: true), weights, ignoreLabel);
    }

    private static Tensor UpsampledCrossEntropy(Tensor scores, LabelMap labels, ResampleAxis rows, ResampleAxis columns, ClassWeights? weights, int ignoreLabel)
    {
        const string Name = nameof(UpsampleSoftmaxCrossEntropy);
        var geometry = new UpsampleGeometry(scores.Shape.N, scores.Shape.C, rows, columns);
        CheckLabels(scores, geometry.OutShape, labels, ignoreLabel);
        CheckWeights(scores, weights);
        Backend backend = scores.Backend;
        long count = scores.Shape.Count;
        double total = ClassWeights.TotalOf(weights, labels, ignoreLabel);
        bool records = Tape.WillRecord(scores);

        Tensor loss = Tape.NewOutput(scores.Device, Shape.Scalar, name: Name);
        DeviceBuffer? gradient = records ? Tape.NewSaved(() => backend.Allocate(count, scores.ElementType), Name) : null;
        backend.UpsampleCrossEntropy(geometry, scores.Buffer, labels.Buffer, ignoreLabel, weights, total, loss.Buffer, gradient);

        // No gradient holds labels and weights: their finalizers must not free what is being read.
        GC.KeepAlive(labels);
        GC.KeepAlive(weights);

        if (records)
        {
            Tape.RecordNode(loss, [scores], (dy, gradients) => gradients.Write(0, dx => backend.ScaleBy(gradient!, dy, dx, count)), gradient, Name);
        }

        return loss;
    }
}
