using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Cuts a rectangle out of every map: <c>y(n, c, h, w) = x(n, c, top + h, left + w)</c>.</summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="top">The first row, 0 or more.</param>
    /// <param name="left">The first column, 0 or more.</param>
    /// <param name="height">Rows, 1 or more.</param>
    /// <param name="width">Columns, 1 or more.</param>
    /// <returns><c>[N, C, height, width]</c>.</returns>
    /// <exception cref="ArgumentException">The rectangle is not inside the input.</exception>
    public static Tensor Crop(Tensor x, int top, int left, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (top < 0 || left < 0 || height < 1 || width < 1 || (long)top + height > x.Shape.H || (long)left + width > x.Shape.W)
        {
            throw new ArgumentException($"The crop of {new Size2(height, width)} pixels at row {top}, column {left} is not inside the input {x.Shape}.", nameof(x));
        }

        Backend backend = x.Backend;
        Tensor y = Tape.NewOutput(x, x.Shape with { H = height, W = width });
        var offset = new Shape(0, 0, top, left);
        backend.CopyBlock(new BlockCopy(x.Shape, offset, y.Shape, default, y.Shape), x.Buffer, y.Buffer);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) => gradients.Write(0, dx =>
            {
                backend.Fill(dx, x.Shape.Count, 0f);
                backend.CopyBlock(new BlockCopy(y.Shape, default, x.Shape, offset, y.Shape), dy, dx);
            }));
        }

        return y;
    }
}
