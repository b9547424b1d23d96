using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// The mean over a window that moves by one: <c>y(n, c, p) = Σ over t of x(n, c, p + t − pad) / (kh·kw)</c>. Positions in the padding are zeros
    /// and count in the divisor, as in Caffe at this stride and in PyTorch with <c>count_include_pad</c>.
    /// </summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="kernel">The window, 1 or more along both axes.</param>
    /// <param name="padding">Zeros before and after the input, 0 or more and less than the window.</param>
    /// <returns><c>[N, C, H + 2·pad − kh + 1, W + 2·pad − kw + 1]</c>.</returns>
    /// <remarks>
    /// Channels-last, the values of one channel in a row are C apart, so the sum is a dilated convolution of one channel, with a kernel of ones:
    /// <code>
    ///   row of pixels (C = 3)    a₀ a₁ a₂ │ b₀ b₁ b₂ │ c₀ c₁ c₂
    ///   taps of a 3-wide window   ●  ·  ·    ●  ·  ·    ●  ·  ·      dilation C
    /// </code>
    /// </remarks>
    /// <exception cref="ArgumentException">The window is larger than the padded input, or the input is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Window or padding are outside their ranges.</exception>
    public static Tensor AveragePool2d(Tensor x, Size2 kernel, Size2 padding = default)
    {
        ArgumentNullException.ThrowIfNull(x);
        Conv2dGeometry geometry = CheckAveragePool2d(x.Shape, kernel, padding);
        Backend backend = x.Backend;
        Tensor y = Tape.NewOutput(x, x.Shape with { H = geometry.OutHeight, W = geometry.OutWidth / x.Shape.C });
        Average(y.Buffer, y.Shape.Count, (ones, sum) => backend.Conv2dForward(geometry, x.Buffer, ones, null, false, sum));

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) => gradients.Write(
                0, dx => Average(dx, x.Shape.Count, (ones, sum) => backend.Conv2dBackwardInput(geometry, dy, ones, mask: null, sum))));
        }

        return y;

        // Ones and one division, because in bfloat16 a kernel of ninths would be off by a fifth of a percent everywhere.
        void Average(DeviceBuffer target, long count, Action<DeviceBuffer, DeviceBuffer> sum)
        {
            using DeviceBuffer ones = backend.Allocate(geometry.Taps, ElementType.Float32);
            using DeviceBuffer scalar = backend.Allocate(1, ElementType.Float32);
            backend.Fill(ones, geometry.Taps, 1f);
            backend.Fill(scalar, 1, 1f / geometry.Taps);
            sum(ones, target);
            backend.ScaleBy(target, scalar, target, count);
        }
    }

    private static Conv2dGeometry CheckAveragePool2d(Shape x, Size2 kernel, Size2 padding)
    {
        Guard.AtLeast(kernel, 1, nameof(kernel));
        Guard.AtLeast(padding, 0, nameof(padding));
        if (padding.Height >= kernel.Height || padding.Width >= kernel.Width)
        {
            throw new ArgumentOutOfRangeException(nameof(padding), padding, $"The padding is less than the window {kernel}, or a window would lie in it altogether.");
        }

        if (x.C < 1 || x.H < 1 || x.W < 1 || kernel.Height > x.H + (2L * padding.Height) || kernel.Width > x.W + (2L * padding.Width))
        {
            throw new ArgumentException($"A {kernel} window is larger than the input {x} with padding {padding}.", nameof(x));
        }

        return new Conv2dGeometry(
            x.N, 1, x.H, checked(x.W * x.C), 1, kernel.Height, kernel.Width, 1, 1, 1, x.C, padding.Height, checked(padding.Width * x.C));
    }
}
