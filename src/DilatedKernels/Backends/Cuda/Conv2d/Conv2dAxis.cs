using System.Runtime.InteropServices;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// What one axis of a pass reads and writes; laid out as <c>ConvAxis</c> in kernels/conv2d/geometry.cuh.
/// Position <c>q</c> and tap <c>j</c> read element <c>q·Scale + Shift + j·Step</c> of the source; the sum goes to element
/// <c>q·ResultStride + ResultOffset</c> of the result. Tap <c>j</c> is the kernel's tap <c>FirstTap + j·TapStep</c>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Conv2dAxis(
    int Source, int Count, int Result, int ResultStride, int ResultOffset, int Scale, int Shift, int Step, int Taps, int FirstTap, int TapStep)
{
    /// <summary>The same axis with its taps in the order in which a step is not negative.</summary>
    public Conv2dAxis ToAscending() => Step >= 0 ? this : this with { Shift = Shift + ((Taps - 1) * Step), Step = -Step, FirstTap = FirstTap + ((Taps - 1) * TapStep), TapStep = -TapStep };

    /// <summary>The forward pass: every output position, every tap.</summary>
    public static Conv2dAxis Forward(int input, int output, int kernel, int stride, int dilation, int pad) =>
        new(input, output, output, 1, 0, stride, -pad, dilation, kernel, 0, 1);

    /// <summary>
    /// The data gradient at the input positions <paramref name="phase"/>, <c>phase + stride</c>, ... Tap <c>k</c> of input position <c>i</c> comes
    /// from output <c>(i + pad − k·dilation) / stride</c> where that is whole: for one phase, every <c>stride / gcd(stride, dilation)</c>-th
    /// tap, or none.
    /// <code>
    ///   stride 2, dilation 1, 3 taps, no padding
    ///     even inputs   taps 0 and 2 of outputs i/2 and i/2 − 1
    ///     odd inputs    tap 1 of output (i − 1)/2
    /// </code>
    /// </summary>
    public static Conv2dAxis BackwardInput(int input, int output, int kernel, int stride, int dilation, int pad, int phase)
    {
        int count = phase < input ? ((input - 1 - phase) / stride) + 1 : 0;
        int divisor = GreatestCommonDivisor(stride, dilation);
        int tapStep = stride / divisor;
        for (int tap = 0; tap < Math.Min(kernel, tapStep); tap++)
        {
            long distance = (long)phase + pad - ((long)tap * dilation);
            if (distance % stride == 0)
            {
                int taps = ((kernel - 1 - tap) / tapStep) + 1;
                return new Conv2dAxis(output, count, input, stride, phase, 1, (int)(distance / stride), -(dilation / divisor), taps, tap, tapStep);
            }
        }

        return new Conv2dAxis(output, count, input, stride, phase, 1, 0, 0, 0, 0, 1);
    }

    private static int GreatestCommonDivisor(int a, int b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}
