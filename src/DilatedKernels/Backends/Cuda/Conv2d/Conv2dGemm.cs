using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// A 1×1 convolution as the matrix product that it is in channels-last memory: x is positions × C, the weights are K × C, y is
/// positions × K, each row-major.
/// </summary>
internal static class Conv2dGemm
{
    // With fewer channels on either side the product waits for memory, and our own kernel reads and writes it once, bias and ReLU included.
    // A rule on paper: no GPU has measured it. It is no measurement at run time, for then the bits would depend on the clock.
    private const int FewestChannels = 256;

    /// <summary>Whether the vendor's library should compute a convolution where it can be had: not with bfloat16, whose weights would have to be rounded in memory first.</summary>
    public static bool Suits(in Conv2dGeometry g, ElementType type) =>
        type == ElementType.Float32 && g is { Taps: 1, StrideH: 1, StrideW: 1, PadH: 0, PadW: 0, InChannels: >= FewestChannels, OutChannels: >= FewestChannels }
            && g.OutShape.Positions is > 0 and <= int.MaxValue;

    /// <summary><c>y = x · wᵀ</c>.</summary>
    public static GemmProblem Forward(in Conv2dGeometry g, DevicePointer x, DevicePointer weight, DevicePointer y) =>
        new(Positions(g), g.OutChannels, g.InChannels, x, weight, y, GemmType.Float32) { TransposeB = true };

    /// <summary><c>dx = dy · w</c>.</summary>
    public static GemmProblem BackwardInput(in Conv2dGeometry g, DevicePointer dy, DevicePointer weight, DevicePointer dx) =>
        new(Positions(g), g.InChannels, g.OutChannels, dy, weight, dx, GemmType.Float32);

    /// <summary><c>dw = dyᵀ · x</c>.</summary>
    public static GemmProblem BackwardWeight(in Conv2dGeometry g, DevicePointer x, DevicePointer dy, DevicePointer dw) =>
        new(g.OutChannels, g.InChannels, Positions(g), dy, x, dw, GemmType.Float32) { TransposeA = true };

    private static int Positions(in Conv2dGeometry g) => (int)g.OutShape.Positions;
}
