namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>Where F(2×2, 3×3) takes the place of the direct kernel. The same on every processor, so that results are the same bits there.</summary>
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

    /// <summary>The tiles of a convolution, or null where it is to be done directly.</summary>
    public static WinogradGrid? Forward(ConvolutionAlgorithm algorithm, Conv2dGeometry g) => Choose(
        algorithm, g, g.InChannels, g.OutChannels,
        () => (new WinogradAxis(g.OutHeight, g.InHeight, g.DilationH, g.PadH), new WinogradAxis(g.OutWidth, g.InWidth, g.DilationW, g.PadW)));

    /// <summary>The tiles of the convolution that gives the input's gradient, or null.</summary>
    public static WinogradGrid? BackwardInput(ConvolutionAlgorithm algorithm, Conv2dGeometry g) => Choose(
        algorithm, g, g.OutChannels, g.InChannels,
        () => (new WinogradAxis(g.InHeight, g.OutHeight, g.DilationH, (2L * g.DilationH) - g.PadH), new WinogradAxis(g.InWidth, g.OutWidth, g.DilationW, (2L * g.DilationW) - g.PadW)));

    private static WinogradGrid? Choose(ConvolutionAlgorithm algorithm, in Conv2dGeometry g, int inChannels, int outChannels, Func<(WinogradAxis Y, WinogradAxis X)> axes)
    {
        bool applies = g is { KernelHeight: 3, KernelWidth: 3, StrideH: 1, StrideW: 1, Batch: > 0 } && inChannels > 0 && outChannels >= LeastOutChannels;
        if (!applies || algorithm == ConvolutionAlgorithm.Direct
            || (algorithm == ConvolutionAlgorithm.Automatic && Math.Min(inChannels, outChannels) < LeastChannels))
        {
            return null;
        }

        (WinogradAxis y, WinogradAxis x) = axes();
        double inVectors = Math.Ceiling(inChannels / 16.0);
        double outVectors = Math.Ceiling(outChannels / 16.0);
        double direct = (double)y.TapsInside * x.TapsInside * inChannels * outVectors;
        double tile = (16.0 * inChannels * outVectors) + (InputCost * inVectors) + (OutputCost * outVectors);
        bool pays = tile * y.Tiles.Length * x.Tiles.Length * DirectAdvantage < direct;
        return pays || algorithm == ConvolutionAlgorithm.Winograd ? new WinogradGrid(g.Batch, y, x) : null;
    }
}
