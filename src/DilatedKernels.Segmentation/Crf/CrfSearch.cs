using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>Scores many parameters of a dense CRF on the same images, each of which is predicted once and filtered once for each pair of deviations.</summary>
public sealed class CrfSearch
{
    private readonly int _classes;
    private readonly int _voidLabel;
    private readonly Device? _device;
    private readonly int _threads;
    private readonly IReadOnlyList<DenseCrfConfig> _candidates;
    private readonly ConfusionMatrix[] _matrices;

    /// <summary>Starts a search on the processor.</summary>
    /// <param name="grid">The candidates.</param>
    /// <param name="classes">C.</param>
    /// <param name="voidLabel">The true label of pixels that do not count, or −1.</param>
    /// <param name="threads">Processor threads, or 0 for one a core.</param>
    /// <exception cref="ArgumentException">The grid is empty or too large, or a value is out of its range.</exception>
    public CrfSearch(CrfGrid grid, int classes, int voidLabel, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        (_classes, _voidLabel, _threads) = (classes, voidLabel, threads);
        _candidates = grid.Candidates();
        Without = new ConfusionMatrix(classes);
        _matrices = [.. _candidates.Select(_ => new ConfusionMatrix(classes))];
    }

    /// <summary>Starts a search on a device.</summary>
    /// <param name="grid">The candidates.</param>
    /// <param name="classes">C.</param>
    /// <param name="voidLabel">The true label of pixels that do not count, or −1.</param>
    /// <param name="device">Where to compute, as for <see cref="DenseCrf"/>.</param>
    /// <param name="threads">Threads for what the processor does, or 0 for <see cref="Device.Threads"/>.</param>
    /// <exception cref="ArgumentException">The grid is empty or too large, or a value is out of its range.</exception>
    public CrfSearch(CrfGrid grid, int classes, int voidLabel, Device device, int threads = 0)
        : this(grid, classes, voidLabel, threads)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device.IsCpu ? null : device;
        _threads = threads == 0 ? device.Threads : threads;
    }

    /// <summary>How many candidates there are.</summary>
    public int Candidates => _candidates.Count;

    /// <summary>How many images have been counted.</summary>
    public int Images { get; private set; }

    /// <summary>The score without a CRF.</summary>
    public ConfusionMatrix Without { get; }

    /// <summary>All candidates by mean IoU, the best last; of equals the first one tried is the better.</summary>
    public IReadOnlyList<(DenseCrfConfig Config, ConfusionMatrix Score)> Ranked =>
        [.. _candidates.Zip(_matrices).Reverse().OrderBy(candidate => candidate.Second.MeanIoU)];

    /// <summary>Counts an image for every candidate. When it is stopped, the image counts for none.</summary>
    /// <param name="image">The image.</param>
    /// <param name="truth">Its true classes.</param>
    /// <param name="probabilities">The network's probabilities.</param>
    /// <param name="onCandidate">Called after every candidate.</param>
    /// <param name="cancellation">Checked all the time.</param>
    /// <exception cref="ArgumentException">The sizes or classes do not fit each other, or a label is no class.</exception>
    public void Add(RgbImage image, IndexMask truth, ProbabilityMap probabilities, Action? onCandidate = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(probabilities);
        if (probabilities.Classes != _classes)
        {
            throw new ArgumentException($"The probabilities have {probabilities.Classes} classes; the search has {_classes}.", nameof(probabilities));
        }

        using ImageCrf crf = ImageCrf.Open(image, probabilities, _candidates[0], _device, _threads, cancellation);
        ConfusionMatrix without = Count(truth, probabilities);
        var scores = new ConfusionMatrix[_candidates.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = Count(truth, crf.Refine(_candidates[i]));
            onCandidate?.Invoke();
        }

        Without.Merge(without);
        for (int i = 0; i < scores.Length; i++)
        {
            _matrices[i].Merge(scores[i]);
        }

        Images++;
    }

    private ConfusionMatrix Count(IndexMask truth, ProbabilityMap probabilities)
    {
        var matrix = new ConfusionMatrix(_classes);
        matrix.Add(truth, probabilities.ArgMax(), _voidLabel);
        return matrix;
    }
}
