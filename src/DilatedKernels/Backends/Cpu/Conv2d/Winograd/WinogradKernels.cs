using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>The transforms of one tile and vector width.</summary>
internal sealed unsafe class WinogradKernels
{
    private static readonly WinogradKernels[] Two = [CreateTwo<Vector128<float>, Width128>(), CreateTwo<Vector256<float>, Width256>(), CreateTwo<Vector512<float>, Width512>()];
    private static readonly WinogradKernels[] Four = [CreateFour<Vector128<float>, Width128>(), CreateFour<Vector256<float>, Width256>(), CreateFour<Vector512<float>, Width512>()];

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

    public static WinogradKernels Of(WinogradTile tile, int lanes) => (tile == WinogradTile.Four ? Four : Two)[lanes switch { 4 => 0, 8 => 1, _ => 2 }];

    /// <summary>The width for the transforms of tiles with so many channels. They mostly store, and a store of 512 bits costs two of 256 on every processor.</summary>
    public static WinogradKernels ForTiles(WinogradTile tile, int channels, VectorUnit unit) => Of(tile, TileShape.For(channels, unit with { DoublePumped = true }).Lanes);

    /// <summary>The width for outputs of so many channels, 4 or more: their last vector ends at the last channel, so none is wider than all of them.</summary>
    public static WinogradKernels ForOutputs(WinogradTile tile, int channels, VectorUnit unit)
    {
        int lanes = TileShape.For(channels, unit).Lanes;
        while (lanes > channels)
        {
            lanes /= 2;
        }

        return Of(tile, lanes);
    }

    public void Input(TileTransform* arguments) => _input(arguments);

    public void Gradient(TileTransform* arguments) => _gradient(arguments);

    public void Output(OutputTransform* arguments) => _output(arguments);

    public void Weight(TransformArguments* arguments) => _weight(arguments);

    public void WeightGradient(TransformArguments* arguments) => _weightGradient(arguments);

    private static WinogradKernels CreateTwo<TVector, TWidth>()
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector> => new(
            TWidth.Lanes,
            &WinogradTransforms2.Input<TVector, TWidth>,
            &WinogradTransforms2.Gradient<TVector, TWidth>,
            &WinogradTransforms2.Output<TVector, TWidth>,
            &WinogradTransforms2.Weight<TVector, TWidth>,
            &WinogradTransforms2.WeightGradient<TVector, TWidth>);

    private static WinogradKernels CreateFour<TVector, TWidth>()
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector> => new(
            TWidth.Lanes,
            &WinogradTransforms4.Input<TVector, TWidth>,
            &WinogradTransforms4.Gradient<TVector, TWidth>,
            &WinogradTransforms4.Output<TVector, TWidth>,
            &WinogradTransforms4.Weight<TVector, TWidth>,
            &WinogradTransforms4.WeightGradient<TVector, TWidth>);
}
