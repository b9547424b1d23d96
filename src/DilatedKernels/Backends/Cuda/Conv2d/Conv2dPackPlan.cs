using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>The kernels that make what the tensor-core kernels read (kernels/conv2d/conv2d_pack_sm80.cu).</summary>
internal static class Conv2dPackPlan
{
    /// <summary>Taps that fit a grid.</summary>
    public const int MostTaps = ushort.MaxValue;

    private const int TurnTile = 32;
    private const int TurnLines = 8;

    // Channels that a thread splits.
    private const int SplitChannels = 8;

    /// <summary>Whether activations must be copied first: only whole granules of one part at addresses that are multiples of 16 can be read in place.</summary>
    public static bool PadsActivations(Conv2dProduct product, int channels, bool aligned) => !aligned || product.Pad(channels) != channels;

    /// <summary>Whether the weights of the forward pass must be copied first; rounding is a copy too.</summary>
    public static bool PadsWeights(Conv2dProduct product, int channels, bool aligned) => product == Conv2dProduct.Bf16 || PadsActivations(product, channels, aligned);

    /// <summary>Activations, padded to whole granules.</summary>
    public static LaunchPlan Activations(Conv2dProduct product, long positions, int channels) =>
        Pad(product, product == Conv2dProduct.Bf16 ? "conv2d_pad_bf16" : "conv2d_pad_f32", positions, channels);

    /// <summary>Weights of the forward pass, padded to whole granules of input channels.</summary>
    public static LaunchPlan Weights(Conv2dProduct product, in Conv2dGeometry g) =>
        Pad(product, product == Conv2dProduct.Bf16 ? "conv2d_pad_f32_bf16" : "conv2d_pad_f32", (long)g.OutChannels * g.Taps, g.InChannels);

    /// <summary>Weights of the data gradient: input channels outermost, padded to whole granules of output channels.</summary>
    public static LaunchPlan TurnedWeights(Conv2dProduct product, in Conv2dGeometry g) => new(
        product == Conv2dProduct.Bf16x6 ? "conv2d_turn_split3_f32" : product == Conv2dProduct.Bf16 ? "conv2d_turn_f32_bf16" : "conv2d_turn_f32",
        new Dim3(Tiles(g.InChannels), Tiles(product.PadPart(g.OutChannels)), (uint)g.Taps),
        new Dim3(TurnTile, TurnLines));

    private static LaunchPlan Pad(Conv2dProduct product, string kernel, long rows, int channels)
    {
        int padded = product.PadPart(channels);
        return product.Parts() > 1
            ? new LaunchPlan($"conv2d_split{product.Parts()}_f32", RowPlan.Grid(rows, padded / SplitChannels, out Dim3 block), block)
            : new LaunchPlan(kernel, RowPlan.Grid(rows, padded, out block), block);
    }

    private static uint Tiles(int channels) => (uint)(((long)channels + TurnTile - 1) / TurnTile);
}
