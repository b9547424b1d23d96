namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>An axis of a convolution of stride 1: output o reads inputs o − Pad + tap·Dilation.</summary>
internal readonly record struct WinogradExtent(int Out, int In, int Kernel, int Dilation, long Pad)
{
    /// <summary>Pairs of an output and a tap that meet inside the input: what a direct convolution computes.</summary>
    public long TapsInside
    {
        get
        {
            long sum = 0;
            for (int tap = 0; tap < Kernel; tap++)
            {
                long offset = ((long)tap * Dilation) - Pad;
                sum += Math.Max(0, Math.Min(Out, In - offset) - Math.Max(0, -offset));
            }

            return sum;
        }
    }

    public WinogradAxis Axis(WinogradTile tile, bool? interleaved = null, int beyond = 0) => new(Out, In, Dilation, Pad, tile, interleaved, beyond);
}

/// <summary>A convolution of stride 1 as it is computed: the forward pass of a layer, or the gradient of its input.</summary>
internal readonly record struct WinogradLayer(int Batch, int InChannels, int OutChannels, WinogradExtent Y, WinogradExtent X)
{
    public static WinogradLayer Forward(in Conv2dGeometry g) => new(
        g.Batch, g.InChannels, g.OutChannels,
        new WinogradExtent(g.OutHeight, g.InHeight, g.KernelHeight, g.DilationH, g.PadH),
        new WinogradExtent(g.OutWidth, g.InWidth, g.KernelWidth, g.DilationW, g.PadW));

    public static WinogradLayer BackwardInput(in Conv2dGeometry g) => new(
        g.Batch, g.OutChannels, g.InChannels,
        new WinogradExtent(g.InHeight, g.OutHeight, g.KernelHeight, g.DilationH, ((g.KernelHeight - 1L) * g.DilationH) - g.PadH),
        new WinogradExtent(g.InWidth, g.OutWidth, g.KernelWidth, g.DilationW, ((g.KernelWidth - 1L) * g.DilationW) - g.PadW));
}
