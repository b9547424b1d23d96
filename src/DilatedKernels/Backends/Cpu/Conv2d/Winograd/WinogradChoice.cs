using System.Collections.Concurrent;
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
    private const int LeastChannels = 8;

    /// <summary>The direct kernel's long sums run nearer to the processor's peak than the short ones of many products.</summary>
    private const double DirectAdvantage = 1.15;

    // A network has far fewer layers; where images come in many sizes it is only work done again.
    private const int MostKept = 1000;

    private static readonly ConcurrentDictionary<(ConvolutionAlgorithm Algorithm, WinogradLayer Layer), WinogradGrid?> Chosen = new();

    /// <summary>The tiles of a 3×3 convolution, or null where it is to be done otherwise.</summary>
    public static WinogradGrid? Tiles(ConvolutionAlgorithm algorithm, in Conv2dGeometry g, in WinogradLayer layer)
    {
        if (g is not { KernelHeight: 3, KernelWidth: 3 } || !Applies(algorithm, g, layer))
        {
            return null;
        }

        // The same layers come by in every step, and small ones take not much longer than the choice.
        if (!Chosen.TryGetValue((algorithm, layer), out WinogradGrid? grid))
        {
            if (Chosen.Count >= MostKept)
            {
                Chosen.Clear();
            }

            grid = Choose(algorithm, layer);
            Chosen[(algorithm, layer)] = grid;
        }

        return grid;
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
        var grid = new WindowGrid(windows, layer.Batch, layer.Y, layer.X);
        double cost = Cost(layer, WinogradTile.Two, windows.Products.Count, (double)grid.Outputs.Tiles / layer.Batch);
        return algorithm != ConvolutionAlgorithm.Automatic || cost < Direct(layer) ? grid : null;
    }

    private static WinogradGrid? Choose(ConvolutionAlgorithm algorithm, in WinogradLayer layer)
    {
        WinogradGrid? chosen = null;
        double least = algorithm == ConvolutionAlgorithm.Automatic ? Direct(layer) : double.PositiveInfinity;
        foreach (WinogradTile tile in Candidates(algorithm))
        {
            WinogradAxis y = layer.Y.Axis(tile);
            WinogradAxis x = layer.X.Axis(tile);
            double cost = Cost(layer, tile, tile.Values, (double)y.Tiles.Length * x.Tiles.Length);
            if (cost < least)
            {
                (chosen, least) = (new WinogradGrid(layer.Batch, y, x), cost);
            }
        }

        return chosen;
    }

    private static WinogradTile[] Candidates(ConvolutionAlgorithm algorithm) => algorithm switch
    {
        ConvolutionAlgorithm.Winograd => [WinogradTile.Two],
        ConvolutionAlgorithm.Winograd4x4 => [WinogradTile.Four],
        _ => [WinogradTile.Two, WinogradTile.Four],
    };

    private static bool Applies(ConvolutionAlgorithm algorithm, in Conv2dGeometry g, in WinogradLayer layer) =>
        g is { StrideH: 1, StrideW: 1, Batch: > 0 } && layer.InChannels > 0 && layer.OutChannels >= LeastOutChannels && algorithm switch
        {
            ConvolutionAlgorithm.Direct => false,
            ConvolutionAlgorithm.Automatic => Math.Min(layer.InChannels, layer.OutChannels) >= LeastChannels,
            _ => true,
        };

    /// <summary>Whether the numbers of tiles, those past the map's end included, fit an int.</summary>
    private static bool IsCountable(WinogradExtent axis, int batch) =>
        ((axis.Out + ((double)axis.Kernel * axis.Dilation)) * batch) < int.MaxValue;

    /// <summary>Multiply-adds of vectors of 16 channels that a direct convolution of one image takes, taps in the padding left out.</summary>
    private static double Direct(in WinogradLayer layer) =>
        (double)layer.Y.TapsInside * layer.X.TapsInside * layer.InChannels * Vectors(layer.OutChannels);

    /// <summary>As many of them as take the time of the products and the transforms of the tiles of one image.</summary>
    private static double Cost(in WinogradLayer layer, WinogradTile tile, int products, double tiles)
    {
        (double input, double output) = tile == WinogradTile.Two ? (48, 40) : (190, 170);
        double each = ((double)products * layer.InChannels * Vectors(layer.OutChannels)) + (input * Vectors(layer.InChannels)) + (output * Vectors(layer.OutChannels));
        return each * tiles * DirectAdvantage;
    }

    private static double Vectors(int channels) => Math.Ceiling(channels / 16.0);
}
