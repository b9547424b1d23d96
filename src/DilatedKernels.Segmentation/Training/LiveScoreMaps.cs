using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// A front end that does not change before a context module that learns: the front end predicts, without dropout, as it does
/// when its maps are stored.
/// </summary>
internal sealed class LiveScoreMaps(Module frontEnd, Module context) : Module
{
    public override IReadOnlyList<Parameter> Parameters => context.Parameters;

    public override Tensor Forward(Tensor x, ForwardContext forward) =>
        context.Forward(frontEnd.Forward(x, ForwardContext.Inference), forward);
}
