using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Training;

/// <summary>A network to be trained through its CRF, at the image's resolution.</summary>
internal sealed class RefinedScores(SegmentationModel model) : Module
{
    public override IReadOnlyList<Parameter> Parameters => model.Parameters;

    public override Tensor Forward(Tensor x, ForwardContext context) => model.ForwardRefined(x, context);
}
