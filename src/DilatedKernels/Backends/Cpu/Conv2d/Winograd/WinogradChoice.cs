using DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>
/// Where Winograd's products take the place of the direct kernel: F(2×2, 3×3), for larger kernels in windows. The same on every
/// processor, so that results are the same bits there.
/// </summary>
internal static class WinogradChoice
{
    // The last vector of an output ends at its last channel, so there must be one.
    private const int LeastOutChannels = 4;
    private const int LeastChannels = 16;

    /// <summary>What the transforms of a tile cost for each vector of 16 channels, in multiply-adds of such vectors.</summary>
    private const double InputCost = 48;
    private const double OutputCost = 40;

    /// <summary>The direct kernel's long sums run nearer to the processor's peak than sixteen short ones.</summary>
    private const double DirectAdvantage = 1.2;

    /// <summary>The tiles of a 3×3 convolution, or null where it is to be done otherwise.</summary>
    public static WinogradGrid? Tiles(ConvolutionAlgorithm algorithm, in Conv2dGeometry g, in WinogradLayer layer)
    {
        if (g is not { KernelHeight: 3, KernelWidth: 3 } || !Applies(algorithm, g, layer))
        {
            return null;
        }

        WinogradAxis y = layer.Y.Axis();
        WinogradAxis x = layer.X.Axis();
        return IsChosen(algorithm, layer, y, x, 16) ? new WinogradGrid(g.Batch, y, x) : null;
    }

    /// <summary>The tiles of a convolution with a larger kernel, or null where it is to be done otherwise.</summary>
    public static WindowGrid? Windows(ConvolutionAlgorithm algorithm, in Conv2dGeometry g, in WinogradLayer layer)
    {
        if (g is { KernelHeight: <= 3, KernelWidth: <= 3 } or { KernelHeight: < 3 } or { KernelWidth: < 3 }
            || !Applies(algorithm, g, layer) || !IsCountable(layer.Y, layer.Batch) || !IsCountable(layer.X, 1))
        {
            return null;
        }

        var windows = new KernelWindows(g.KernelHeight, g.KernelWidth);
        return IsChosen(algorithm, layer, layer.Y.Axis(), layer.X.Axis(), windows.Products.Count)
            ? new WindowGrid(windows, layer.Batch, layer.Y, layer.X)
            : null;
    }

    private static bool Applies(ConvolutionAlgorithm algorithm, in Conv2dGeometry g, in WinogradLayer layer) =>
        g is { StrideH: 1, StrideW: 1, Batch: > 0 } && layer.InChannels > 0 && layer.OutChannels >= LeastOutChannels && algorithm switch
        {
            ConvolutionAlgorithm.Direct => false,
            ConvolutionAlgorithm.Winograd => true,
            _ => Math.Min(layer.InChannels, layer.OutChannels) >= LeastChannels,
        };

    /// <summary>Whether the numbers of tiles, those past the map's end included, fit an int.</summary>
    private static bool IsCountable(WinogradExtent axis, int batch) =>
        ((axis.Out + ((double)axis.Kernel * axis.Dilation)) * batch) < int.MaxValue;

    private static bool IsChosen(ConvolutionAlgorithm algorithm, in WinogradLayer layer, WinogradAxis y, WinogradAxis x, int products)
    {
        double inVectors = Math.Ceiling(layer.InChannels / 16.0);
        double outVectors = Math.Ceiling(layer.OutChannels / 16.0);
        double direct = (double)y.TapsInside(layer.Y.Kernel) * x.TapsInside(layer.X.Kernel) * layer.InChannels * outVectors;
        double tile = ((double)products * layer.InChannels * outVectors) + (InputCost * inVectors) + (OutputCost * outVectors);
        bool pays = tile * y.Tiles.Length * x.Tiles.Length * DirectAdvantage < direct;
        return pays || algorithm == ConvolutionAlgorithm.Winograd;
    }
}
