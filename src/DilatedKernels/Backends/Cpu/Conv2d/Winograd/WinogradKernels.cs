using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>The transforms of one vector width.</summary>
internal sealed unsafe class WinogradKernels
{
    private static readonly WinogradKernels[] All = [Create<Vector128<float>, Width128>(), Create<Vector256<float>, Width256>(), Create<Vector512<float>, Width512>()];

    private readonly delegate*<TileTransform*, void> _input;
    private readonly delegate*<TileTransform*, void> _gradient;
    private readonly delegate*<OutputTransform*, void> _output;
    private readonly delegate*<TransformArguments*, void> _weight;
    private readonly delegate*<TransformArguments*, void> _weightGradient;

    private WinogradKernels(
        int lanes,
        delegate*<TileTransform*, void> input,
        delegate*<TileTransform*, void> gradient,
        delegate*<OutputTransform*, void> output,
        delegate*<TransformArguments*, void> weight,
        delegate*<TransformArguments*, void> weightGradient)
    {
        Lanes = lanes;
        _input = input;
        _gradient = gradient;
        _output = output;
        _weight = weight;
        _weightGradient = weightGradient;
    }

    public int Lanes { get; }

    public static WinogradKernels OfWidth(int lanes) => All[lanes switch { 4 => 0, 8 => 1, _ => 2 }];

    /// <summary>The width for the transforms of tiles with so many channels. They mostly store, and a store of 512 bits costs two of 256 on every processor.</summary>
    public static WinogradKernels ForTiles(int channels, VectorUnit unit) => OfWidth(TileShape.For(channels, unit with { DoublePumped = true }).Lanes);

    /// <summary>The width for outputs of so many channels, 4 or more: their last vector ends at the last channel, so none is wider than all of them.</summary>
    public static WinogradKernels ForOutputs(int channels, VectorUnit unit)
    {
        int lanes = TileShape.For(channels, unit).Lanes;
        while (lanes > channels)
        {
            lanes /= 2;
        }

        return OfWidth(lanes);
    }

    public void Input(TileTransform* arguments) => _input(arguments);

    public void Gradient(TileTransform* arguments) => _gradient(arguments);

    public void Output(OutputTransform* arguments) => _output(arguments);

    public void Weight(TransformArguments* arguments) => _weight(arguments);

    public void WeightGradient(TransformArguments* arguments) => _weightGradient(arguments);

    private static WinogradKernels Create<TVector, TWidth>()
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector> => new(
            TWidth.Lanes,
            &WinogradTransforms.Input<TVector, TWidth>,
            &WinogradTransforms.Gradient<TVector, TWidth>,
            &WinogradTransforms.Output<TVector, TWidth>,
            &WinogradTransforms.Weight<TVector, TWidth>,
            &WinogradTransforms.WeightGradient<TVector, TWidth>);
}
