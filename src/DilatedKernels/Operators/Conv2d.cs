using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>How a convolution's window moves over its input.</summary>
public sealed record Conv2dOptions
{
    /// <summary>Stride 1, dilation 1, no padding.</summary>
    public static Conv2dOptions Default { get; } = new();

    /// <summary>Distance between windows, 1 or more. 1 by default.</summary>
    public Size2 Stride { get; init; } = 1;

    /// <summary>Distance between the taps of a window, 1 or more (Yu and Koltun 2016, section 2). 1 by default.</summary>
    public Size2 Dilation { get; init; } = 1;

    /// <summary>Zeros added at each side, 0 or more. 0 by default; a 3×3 kernel keeps its input's size when padding equals dilation.</summary>
    public Size2 Padding { get; init; } = 0;
}

/// <summary>The operators: each checks its arguments, computes on the tensors' device, and notes its gradient on the current <see cref="Tape"/>.</summary>
public static partial class Ops
{
    /// <summary>
    /// Dilated convolution (cross-correlation, as in every network of the field) with optional bias and ReLU:
    /// <c>y(n, k, p) = act(b(k) + Σ_t Σ_c w(k, c, t) · x(n, c, s·p + l·t − pad))</c> (Yu and Koltun 2016, equation 2).
    /// </summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="weight">Kernel <c>[K, C, kh, kw]</c>, float32.</param>
    /// <param name="bias">One value per output channel, <c>[1, K, 1, 1]</c>, float32, or null.</param>
    /// <param name="options">Stride, dilation and padding; null for <see cref="Conv2dOptions.Default"/>.</param>
    /// <param name="relu">Whether to apply <c>max(·, 0)</c> to the result.</param>
    /// <returns><c>[N, K, oh, ow]</c> with <c>oh = floor((H + 2·pad − ((kh − 1)·l + 1)) / s) + 1</c>, likewise <c>ow</c>.</returns>
    /// <remarks>
    /// Taps that fall into the padding are skipped, so an infinite weight there does not make NaN; except on tensor cores, which multiply zeros by some, and where the processor computes by
    /// <see cref="ConvolutionAlgorithm.Winograd"/>, in which an infinity or NaN reaches a few pixels further than the kernel does. With a bfloat16 input
    /// the products take the weights rounded to bfloat16, sums and bias are float32, and the result is rounded once; the gradients of weight and bias are float32.
    /// </remarks>
    /// <exception cref="ArgumentException">The shapes or devices do not fit each other, weight or bias is not float32, or the kernel is larger than the padded input.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A stride or dilation is below 1, or a padding below 0.</exception>
    public static Tensor Conv2d(Tensor x, Tensor weight, Tensor? bias = null, Conv2dOptions? options = null, bool relu = false)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Guard.SameDevice(x, weight, bias);
        Guard.IsFloat32(weight, "kernel of a convolution");
        Guard.IsFloat32(bias, "bias");
        options ??= Conv2dOptions.Default;
        Conv2dGeometry geometry = CheckConv2d(x.Shape, weight.Shape, bias?.Shape, options);
        Backend backend = x.Backend;

        Tensor y = Tape.NewOutput(x, geometry.OutShape, weight);
        y.IsRectified = relu;
        backend.Conv2dForward(geometry, x.Buffer, weight.Buffer, bias?.Buffer, relu, y.Buffer);

        if (Tape.WillRecord(x, weight, bias))
        {
            Tensor[] inputs = bias is null ? [x, weight] : [x, weight, bias];
            Tape.RecordNode(y, inputs, (dy, gradients) =>
            {
                if (relu && !gradients.IsMasked)
                {
                    backend.ReluBackward(y.Buffer, dy, dy, y.Shape.Count);
                }

                if (inputs.Length > 2)
                {
                    gradients.Write(2, db => backend.BiasBackward(y.Shape, dy, db));
                }

                gradients.Write(1, dw => backend.Conv2dBackwardWeight(geometry, x.Buffer, dy, dw));
                gradients.Write(0, dx => backend.Conv2dBackwardInput(geometry, dy, weight.Buffer, x.IsRectified ? x.Buffer : null, dx), isMasked: x.IsRectified);
            });
        }

        return y;
    }

    internal static Conv2dGeometry CheckConv2d(Shape x, Shape weight, Shape? bias, Conv2dOptions options)
    {
        Guard.AtLeast(options.Stride, 1, "stride");
        Guard.AtLeast(options.Dilation, 1, "dilation");
        Guard.AtLeast(options.Padding, 0, "padding");
        if (x.H + (2L * options.Padding.Height) > int.MaxValue || x.W + (2L * options.Padding.Width) > int.MaxValue)
        {
            throw new ArgumentException($"With a padding of {options.Padding} the input {x} has more than {int.MaxValue} rows or columns.", nameof(options));
        }

        if (weight.H < 1 || weight.W < 1)
        {
            throw new ArgumentException($"The kernel {weight} has no taps; its height and width are 1 or more.", nameof(weight));
        }

        if (x.C != weight.C)
        {
            throw new ArgumentException($"The input {x} has {x.C} channels, but the kernel {weight} takes {weight.C}.", nameof(weight));
        }

        if (bias is { } b && b != Shape.PerChannel(weight.N))
        {
            throw new ArgumentException($"The kernel {weight} makes {weight.N} channels, so the bias is {Shape.PerChannel(weight.N)}; it was {b}.", nameof(bias));
        }

        var geometry = new Conv2dGeometry(
            x.N, x.C, x.H, x.W, weight.N, weight.H, weight.W,
            options.Stride.Height, options.Stride.Width, options.Dilation.Height, options.Dilation.Width,
            options.Padding.Height, options.Padding.Width);
        if (geometry.OutHeight < 1 || geometry.OutWidth < 1)
        {
            var extent = new Size2(((weight.H - 1) * options.Dilation.Height) + 1, ((weight.W - 1) * options.Dilation.Width) + 1);
            throw new ArgumentException(
                $"A {new Size2(weight.H, weight.W)} kernel at dilation {options.Dilation} covers {extent} pixels, more than the input {x} with padding {options.Padding}.", nameof(x));
        }

        return geometry;
    }
}
