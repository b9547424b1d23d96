using System.Runtime.InteropServices;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>A pass as the kernels see it; laid out as <c>ConvGather</c> in kernels/conv2d/geometry.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Conv2dGather(
    Conv2dAxis Rows, Conv2dAxis Columns, int Batch, int SourceChannels, int ResultChannels, int KernelColumns, int KernelTaps)
{
    /// <summary>Positions computed in one launch.</summary>
    public long Positions => (long)Batch * Rows.Count * Columns.Count;

    /// <summary>Products in the sum of one result.</summary>
    public long Reduction => (long)Rows.Taps * Columns.Taps * SourceChannels;

    /// <summary>The forward pass; the weight gradient reads x and dy at the same places.</summary>
    public static Conv2dGather Forward(in Conv2dGeometry g) => new(
        Conv2dAxis.Forward(g.InHeight, g.OutHeight, g.KernelHeight, g.StrideH, g.DilationH, g.PadH),
        Conv2dAxis.Forward(g.InWidth, g.OutWidth, g.KernelWidth, g.StrideW, g.DilationW, g.PadW),
        g.Batch, g.InChannels, g.OutChannels, g.KernelWidth, g.Taps);

    /// <summary>The data gradient at the input positions whose row and column are the phase modulo the stride.</summary>
    public static Conv2dGather BackwardInput(in Conv2dGeometry g, int rowPhase, int columnPhase) => new(
        Conv2dAxis.BackwardInput(g.InHeight, g.OutHeight, g.KernelHeight, g.StrideH, g.DilationH, g.PadH, rowPhase),
        Conv2dAxis.BackwardInput(g.InWidth, g.OutWidth, g.KernelWidth, g.StrideW, g.DilationW, g.PadW, columnPhase),
        g.Batch, g.OutChannels, g.InChannels, g.KernelWidth, g.Taps);
}
