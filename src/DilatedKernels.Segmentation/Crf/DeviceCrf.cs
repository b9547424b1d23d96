using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// The CRF of one image on a device, as operators: <c>q = softmax(s)</c>, then <c>s = u + Σ_k w_k · filter_k(A · q)</c> with A = −μ, or the identity for
/// Potts. The matrix comes before the filters, once for all of them: it mixes classes and they mix pixels, so the order does not matter.
/// </summary>
internal sealed class DeviceCrf : ImageCrf
{
    // Rows of whole 128-bit words. The classes that fill them up have a score of −∞, which a softmax makes the probability 0, and a filter leaves it.
    private const int Lanes = 4;

    private readonly Device _device;
    private readonly CancellationToken _cancellation;
    private readonly int _stride;
    private readonly Tensor _unary;
    private readonly CrfFilters<DeviceFilter> _filters;

    public DeviceCrf(Device device, RgbImage image, ProbabilityMap probabilities, DenseCrfConfig start, int threads, CancellationToken cancellation)
        : base(probabilities)
    {
        (_device, _cancellation) = (device, cancellation);
        _stride = (Classes + Lanes - 1) / Lanes * Lanes;
        float[] scores = LogProbabilities(probabilities, start.ProbabilityFloor, _stride, float.NegativeInfinity);
        _unary = Tensor.FromChannelsLast(device, new Shape(1, _stride, 1, Points), scores);
        var pieces = new Pieces(threads, cancellation);
        _filters = new CrfFilters<DeviceFilter>(image, features => new DeviceFilter(device, features, start.Normalization, pieces));
    }

    public override void Dispose()
    {
        _filters.Dispose();
        _unary.Dispose();
    }

    protected override void Refine(DenseCrfConfig config, float[] values)
    {
        (DeviceFilter Filter, double Weight)[] filters = [.. _filters.Of(config)];
        using Tensor? matrix = config.Compatibility is { } mu ? Negated(mu) : null;
        // Without a filter every iteration ends where it began.
        int iterations = filters.Length == 0 ? 0 : config.Iterations;
        Tensor probabilities = Ops.Softmax(_unary);
        for (int t = 0; t < iterations; t++)
        {
            using Tensor before = probabilities;
            _cancellation.ThrowIfCancellationRequested();
            using Tensor scores = Update(before, filters, matrix);
            probabilities = Ops.Softmax(scores);
        }

        using Tensor last = probabilities;
        Rows.Unpad(last.ToChannelsLast(), values, Classes, _stride);
    }

    /// <summary>The scores after an iteration, of one filter or more.</summary>
    private Tensor Update(Tensor probabilities, (DeviceFilter Filter, double Weight)[] filters, Tensor? matrix)
    {
        using Tensor? mixed = matrix is null ? null : Ops.Conv2d(probabilities, matrix);
        Tensor scores = _unary;
        foreach ((DeviceFilter filter, double weight) in filters)
        {
            using Tensor? before = scores == _unary ? null : scores;
            scores = filter.Apply(mixed ?? probabilities, (float)weight, scores);
        }

        return scores;
    }

    /// <summary>−μ as a 1×1 convolution, which neither reads nor writes the classes that fill up.</summary>
    private Tensor Negated(IReadOnlyList<double> mu)
    {
        float[] weight = new float[_stride * _stride];
        for (int l = 0; l < Classes; l++)
        {
            for (int m = 0; m < Classes; m++)
            {
                weight[(l * _stride) + m] = (float)-mu[(l * Classes) + m];
            }
        }

        return Tensor.FromChannelsLast(_device, new Shape(_stride, _stride, 1, 1), weight);
    }
}
