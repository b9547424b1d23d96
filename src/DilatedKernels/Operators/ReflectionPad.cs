using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// Surrounds every map with its mirror image, the edge itself not repeated: <c>d c b | a b c d | c b a</c>. The networks of Yu and Koltun see their
    /// images extended by 186 pixels this way.
    /// </summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="top">Rows before the first, 0 to H − 1.</param>
    /// <param name="bottom">Rows after the last, 0 to H − 1.</param>
    /// <param name="left">Columns before the first, 0 to W − 1.</param>
    /// <param name="right">Columns after the last, 0 to W − 1.</param>
    /// <returns><c>[N, C, top + H + bottom, left + W + right]</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A padding is below 0.</exception>
    /// <exception cref="ArgumentException">A padding is as large as the map, which then has too few pixels to reflect.</exception>
    public static Tensor ReflectionPad(Tensor x, int top, int bottom, int left, int right)
    {
        ArgumentNullException.ThrowIfNull(x);
        CheckPadding(top, bottom, left, right);
        CheckReflection(x.Shape, Math.Max(top, bottom), x.Shape.H, "rows");
        CheckReflection(x.Shape, Math.Max(left, right), x.Shape.W, "columns");
        Backend backend = x.Backend;
        var geometry = new ReflectionPadGeometry(x.Shape, top, bottom, left, right);
        Tensor y = Tape.NewOutput(x, geometry.Out);
        backend.ReflectionPadForward(geometry, x.Buffer, y.Buffer);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) => gradients.Write(0, dx => backend.ReflectionPadBackward(geometry, dy, dx)));
        }

        return y;
    }

    private static void CheckReflection(Shape x, int padding, int extent, string what)
    {
        if (padding >= extent)
        {
            throw new ArgumentException($"Reflection by {padding} {what} needs more than {padding} of them; the input {x} has {extent}.", nameof(x));
        }
    }
}
