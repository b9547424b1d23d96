using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// Transposed convolution, the gradient of <see cref="Conv2d"/> with respect to its input as an operator of its own: every input value
    /// spreads a copy of the kernel over the output, <c>y(n, k, q) = Σ_c Σ over s·p + t − pad = q of w(c, k, t) · x(n, c, p)</c>. With a stride it
    /// enlarges; the upsampling that Long et al. (2015) learn is one of stride 2 and kernel 4.
    /// </summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="weight">Kernel <c>[C, K, kh, kw]</c>, float32: input channels first, as the convolution that this transposes has them.</param>
    /// <param name="stride">Output rows per input row, 1 or more; likewise columns.</param>
    /// <param name="padding">Rows and columns left off at each side of the result, 0 or more.</param>
    /// <returns><c>[N, K, oh, ow]</c> with <c>oh = (H − 1)·s + kh − 2·pad</c>, likewise <c>ow</c>.</returns>
    /// <exception cref="ArgumentException">The shapes or devices do not fit each other, the kernel is not float32, or the padding leaves nothing.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The stride is below 1, or the padding below 0.</exception>
    public static Tensor TransposedConv2d(Tensor x, Tensor weight, Size2 stride, Size2 padding = default)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Guard.SameDevice(x, weight);
        Guard.IsFloat32(weight, "kernel of a transposed convolution");
        Conv2dGeometry geometry = CheckTransposedConv2d(x.Shape, weight.Shape, stride, padding);
        Backend backend = x.Backend;

        // The convolution from y to x: its input is our output.
        Tensor y = Tape.NewOutput(x, geometry.InShape, weight);
        backend.Conv2dBackwardInput(geometry, x.Buffer, weight.Buffer, mask: null, y.Buffer);

        if (Tape.WillRecord(x, weight))
        {
            Tape.RecordNode(y, [x, weight], (dy, gradients) =>
            {
                gradients.Write(1, dw => backend.Conv2dBackwardWeight(geometry, dy, x.Buffer, dw));
                gradients.Write(0, dx => backend.Conv2dForward(geometry, dy, weight.Buffer, null, false, dx));
            });
        }

        return y;
    }

    private static Conv2dGeometry CheckTransposedConv2d(Shape x, Shape weight, Size2 stride, Size2 padding)
    {
        Guard.AtLeast(stride, 1, nameof(stride));
        Guard.AtLeast(padding, 0, nameof(padding));
        if (weight.H < 1 || weight.W < 1)
        {
            throw new ArgumentException($"The kernel {weight} has no taps; its height and width are 1 or more.", nameof(weight));
        }

        if (x.C != weight.N)
        {
            throw new ArgumentException($"The input {x} has {x.C} channels, but the kernel {weight} takes {weight.N}.", nameof(weight));
        }

        CheckNotEmpty(x);
        int height = Extent(x.H, weight.H, stride.Height, padding.Height);
        int width = Extent(x.W, weight.W, stride.Width, padding.Width);
        if (height < 1 || width < 1)
        {
            throw new ArgumentException($"A padding of {padding} leaves nothing of what a {new Size2(weight.H, weight.W)} kernel at stride {stride} makes of the input {x}.", nameof(padding));
        }

        return new Conv2dGeometry(
            x.N, weight.C, height, width, weight.N, weight.H, weight.W, stride.Height, stride.Width, 1, 1, padding.Height, padding.Width);

        static int Extent(int extent, int kernel, int step, int pad) => checked(((extent - 1) * step) + kernel - (2 * pad));
    }
}
