using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Metrics;

/// <summary>
/// Counts of pixels by true and predicted class over a whole data set, and the scores computed from them. Long and Shelhamer's metric:
/// one matrix is summed over every image first, and scores are taken once at the end. Void pixels are not counted at all.
/// </summary>
public sealed class ConfusionMatrix
{
    private readonly long[] _counts;

    /// <summary>Creates a matrix of zeros.</summary>
    /// <param name="classes">The number of classes, 1 to 256.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="classes"/> is out of range.</exception>
    public ConfusionMatrix(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, 256);
        Classes = classes;
        _counts = new long[classes * classes];
    }

    /// <summary>A matrix with counts taken before, such as another process's.</summary>
    /// <param name="classes">The number of classes, C.</param>
    /// <param name="counts">C·C counts, a row for each true class; 0 or more.</param>
    /// <exception cref="ArgumentException">There are not C·C counts, or one is negative.</exception>
    public static ConfusionMatrix FromCounts(int classes, ReadOnlySpan<long> counts)
    {
        var matrix = new ConfusionMatrix(classes);
        if (counts.Length != matrix._counts.Length || counts.ContainsAnyInRange(long.MinValue, -1))
        {
            throw new ArgumentException($"A matrix of {classes} classes has {matrix._counts.Length} counts of 0 or more; these are {counts.Length}, or some are negative.", nameof(counts));
        }

        counts.CopyTo(matrix._counts);
        return matrix;
    }

    /// <summary>The number of classes, C.</summary>
    public int Classes { get; }

    /// <summary>The pixels counted so far.</summary>
    public long Total => _counts.Sum();

    /// <summary>
    /// The share of counted pixels whose prediction is right; NaN before any are counted.
    /// </summary>
    public double PixelAccuracy => Ratio(Diagonal(), Total);

    /// <summary>
    /// The mean of <see cref="IoU"/> over the classes that are present; <see cref="AbsentClasses"/> lists those left out. NaN if all are absent.
    /// </summary>
    public double MeanIoU
    {
        get
        {
            double[] present = [.. PerClassIoU().Where(iou => !double.IsNaN(iou))];
            return present.Length == 0 ? double.NaN : present.Average();
        }
    }

    /// <summary>The classes with no pixel in the truth and none in the prediction, for which no IoU exists.</summary>
    public IReadOnlyList<int> AbsentClasses => [.. Enumerable.Range(0, Classes).Where(c => double.IsNaN(IoU(c)))];

    /// <summary>The number of pixels of one true class that were given one predicted class.</summary>
    /// <param name="truth">The true class, 0 to C − 1.</param>
    /// <param name="prediction">The predicted class, 0 to C − 1.</param>
    public long this[int truth, int prediction]
    {
        get
        {
            Check(truth, nameof(truth));
            Check(prediction, nameof(prediction));
            return _counts[(truth * Classes) + prediction];
        }
    }

    /// <summary>Counts the pixels of one mask.</summary>
    /// <param name="truth">The true classes.</param>
    /// <param name="prediction">The predicted classes, of the same size.</param>
    /// <param name="voidLabel">The true label of pixels to leave out, or −1 for none. It is void even where it is below C.</param>
    /// <exception cref="ArgumentException">The sizes differ, or an index is not a class; nothing is counted then.</exception>
    public void Add(IndexMask truth, IndexMask prediction, int voidLabel)
    {
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(prediction);
        if (truth.Width != prediction.Width || truth.Height != prediction.Height)
        {
            throw new ArgumentException(
                $"The prediction is {prediction.Width}×{prediction.Height}, but the truth is {truth.Width}×{truth.Height} (width×height).", nameof(prediction));
        }

        Add(truth.Indices, prediction.Indices, voidLabel);
    }

    /// <summary>Counts pixels.</summary>
    /// <param name="truth">The true class of each pixel.</param>
    /// <param name="prediction">The predicted class of each pixel, in the same order.</param>
    /// <param name="voidLabel">The true label of pixels to leave out, or −1 for none. It is void even where it is below C.</param>
    /// <exception cref="ArgumentException">The lengths differ, or an index is not a class; nothing is counted then.</exception>
    public void Add(ReadOnlySpan<byte> truth, ReadOnlySpan<byte> prediction, int voidLabel)
    {
        if (truth.Length != prediction.Length)
        {
            throw new ArgumentException($"There are {prediction.Length} predictions for {truth.Length} pixels.", nameof(prediction));
        }

        long[] added = new long[_counts.Length];
        for (int i = 0; i < truth.Length; i++)
        {
            int t = truth[i];
            int p = prediction[i];
            if (t == voidLabel)
            {
                continue;
            }

            if (t >= Classes || p >= Classes)
            {
                bool wrongTruth = t >= Classes;
                throw new ArgumentException(
                    $"Pixel {i} has the {(wrongTruth ? "true" : "predicted")} label {(wrongTruth ? t : p)}; classes are 0 to {Classes - 1}{(wrongTruth ? $" and void is {voidLabel}" : "")}.",
                    wrongTruth ? nameof(truth) : nameof(prediction));
            }

            added[(t * Classes) + p]++;
        }

        Accumulate(added);
    }

    /// <summary>Adds the counts of another matrix, as after counting parts of a data set apart.</summary>
    /// <param name="other">A matrix with as many classes.</param>
    /// <exception cref="ArgumentException">The numbers of classes differ.</exception>
    public void Merge(ConfusionMatrix other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.Classes != Classes)
        {
            throw new ArgumentException($"A matrix of {other.Classes} classes cannot be added to one of {Classes}.", nameof(other));
        }

        Accumulate(other._counts);
    }

    /// <summary>
    /// Intersection over union of a class, <c>n_cc / (Σ_j n_cj + Σ_j n_jc − n_cc)</c>, within 0 to 1; NaN for an absent class.
    /// </summary>
    /// <param name="label">The class, 0 to C − 1.</param>
    public double IoU(int label)
    {
        Check(label, nameof(label));
        long truth = 0;
        long predicted = 0;
        for (int j = 0; j < Classes; j++)
        {
            truth += _counts[(label * Classes) + j];
            predicted += _counts[(j * Classes) + label];
        }

        long both = _counts[(label * Classes) + label];
        return Ratio(both, truth + predicted - both);
    }

    /// <summary><see cref="IoU"/> of every class in order.</summary>
    public IReadOnlyList<double> PerClassIoU()
    {
        double[] scores = new double[Classes];
        for (int c = 0; c < Classes; c++)
        {
            scores[c] = IoU(c);
        }

        return scores;
    }

    /// <summary>The counts as rows of true classes by columns of predicted ones, <c>[C, C]</c>.</summary>
    public long[,] ToArray()
    {
        long[,] counts = new long[Classes, Classes];
        Buffer.BlockCopy(_counts, 0, counts, 0, _counts.Length * sizeof(long));
        return counts;
    }

    private static double Ratio(long part, long whole) => whole == 0 ? double.NaN : (double)part / whole;

    private long Diagonal()
    {
        long sum = 0;
        for (int c = 0; c < Classes; c++)
        {
            sum += _counts[(c * Classes) + c];
        }

        return sum;
    }

    private void Accumulate(long[] added)
    {
        for (int i = 0; i < added.Length; i++)
        {
            _counts[i] += added[i];
        }
    }

    private void Check(int label, string parameter)
    {
        if (label < 0 || label >= Classes)
        {
            throw new ArgumentOutOfRangeException(parameter, label, $"Classes are 0 to {Classes - 1}.");
        }
    }
}
