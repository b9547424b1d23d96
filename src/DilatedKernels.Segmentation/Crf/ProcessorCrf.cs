using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>The CRF of one image on the processor.</summary>
internal sealed class ProcessorCrf : ImageCrf
{
    private readonly Pieces _pieces;
    private readonly float[] _unary;
    private readonly CrfFilters<GaussianFilter> _filters;

    public ProcessorCrf(RgbImage image, ProbabilityMap probabilities, DenseCrfConfig start, Pieces pieces)
        : base(probabilities)
    {
        _pieces = pieces;
        _unary = LogProbabilities(probabilities, start.ProbabilityFloor, Rows.Stride(Classes), padding: 0);
        _filters = new CrfFilters<GaussianFilter>(image, features => new GaussianFilter(
            start.Kernel == CrfKernel.Exact ? new ExactKernel(features, pieces) : new PermutohedralLattice(features, pieces), start.Normalization));
    }

    public override void Dispose() => _filters.Dispose();

    protected override void Refine(DenseCrfConfig config, float[] values)
    {
        (GaussianFilter Filter, double Weight)[] used = [.. _filters.Of(config)];
        var field = new MeanField(Points, Classes, [.. used.Select(kernel => kernel.Filter)], [.. used.Select(kernel => Couple(kernel.Weight))], _pieces);
        Rows.Unpad(field.Probabilities(_unary, config.Iterations), values, Classes);

        // Potts' 1 − I differs from −I by the sum over classes, which is the same for every class and lost in the softmax.
        Coupling Couple(double weight) => config.Compatibility is { } mu
            ? Coupling.Full(Classes, (l, m) => -weight * mu[(l * Classes) + m])
            : Coupling.Diagonal([.. Enumerable.Repeat((float)weight, Classes)]);
    }
}
