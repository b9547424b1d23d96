using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>What becomes of the last, incomplete window of a pooling.</summary>
public enum PoolRounding
{
    /// <summary>It is dropped.</summary>
    Floor,

    /// <summary>It is kept if it starts inside the input or the padding before it: Caffe's rule, on which the VGG weights were trained.</summary>
    Ceiling,
}

public static partial class Ops
{
    /// <summary>Max-pooling over windows: <c>y(n, c, p) = max over t of x(n, c, s·p + t − pad)</c>. Positions outside the input never win.</summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="kernel">The window, 1 or more along both axes and at most 255 positions.</param>
    /// <param name="stride">Distance between windows, 1 or more.</param>
    /// <param name="padding">Positions before and after the input, 0 or more and less than the window.</param>
    /// <param name="rounding">What becomes of the last, incomplete window.</param>
    /// <returns>
    /// <c>[N, C, oh, ow]</c> with <c>oh = round((H + 2·pad − kh) / s) + 1</c>, rounded as asked; <see cref="PoolRounding.Ceiling"/> drops a last
    /// window that would start at <c>H + pad</c> or later. Likewise <c>ow</c>.
    /// </returns>
    /// <remarks>The gradient goes to the first maximum in row order. A NaN in the window makes the output NaN.</remarks>
    /// <exception cref="ArgumentException">The window is larger than the padded input.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Window, stride or padding are outside their ranges.</exception>
    public static Tensor MaxPool2d(Tensor x, Size2 kernel, Size2 stride, Size2 padding = default, PoolRounding rounding = PoolRounding.Floor)
    {
        ArgumentNullException.ThrowIfNull(x);
        Pool2dGeometry geometry = CheckPool2d(x.Shape, kernel, stride, padding, rounding);
        Backend backend = x.Backend;
        bool records = Tape.WillRecord(x);

        Tensor y = Tape.NewOutput(x, geometry.OutShape);
        y.IsRectified = x.IsRectified;
        DeviceBuffer? winner = records ? Tape.NewSaved(() => backend.Allocate(geometry.OutShape.Count)) : null;
        backend.MaxPoolForward(geometry, x.Buffer, y.Buffer, winner);

        if (records)
        {
            // A window's gradient goes to an element equal to its y.
            Tape.RecordNode(
                y, [x], (dy, gradients) => gradients.Write(0, dx => backend.MaxPoolBackward(geometry, dy, winner!, dx), gradients.IsMasked), winner);
        }

        return y;
    }

    internal static Pool2dGeometry CheckPool2d(Shape x, Size2 kernel, Size2 stride, Size2 padding, PoolRounding rounding)
    {
        Guard.AtLeast(kernel, 1, "kernel");
        Guard.AtLeast(stride, 1, "stride");
        Guard.AtLeast(padding, 0, "padding");
        if ((long)kernel.Height * kernel.Width > 255)
        {
            throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "A pooling window has at most 255 positions.");
        }

        if (padding.Height >= kernel.Height || padding.Width >= kernel.Width)
        {
            throw new ArgumentOutOfRangeException(nameof(padding), padding, $"The padding is less than the window {kernel}, or a window would lie in it altogether.");
        }

        int outHeight = Extent(x.H, kernel.Height, stride.Height, padding.Height);
        int outWidth = Extent(x.W, kernel.Width, stride.Width, padding.Width);
        if (outHeight < 1 || outWidth < 1)
        {
            throw new ArgumentException($"A {kernel} window is larger than the input {x} with padding {padding}.", nameof(x));
        }

        return new Pool2dGeometry(
            x.N, x.C, x.H, x.W, outHeight, outWidth,
            kernel.Height, kernel.Width, stride.Height, stride.Width, padding.Height, padding.Width);

        int Extent(int extent, int window, int step, int pad)
        {
            long free = extent + (2L * pad) - window;
            if (extent < 1 || free < 0)
            {
                return 0;
            }

            if (rounding == PoolRounding.Floor)
            {
                return (int)(free / step) + 1;
            }

            long last = (free + step - 1) / step;
            return (int)(last * step < (long)extent + pad ? last + 1 : last);
        }
    }
}
