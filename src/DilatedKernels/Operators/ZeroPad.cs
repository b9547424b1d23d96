using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Surrounds every map with zeros.</summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="top">Rows before the first, 0 or more.</param>
    /// <param name="bottom">Rows after the last, 0 or more.</param>
    /// <param name="left">Columns before the first, 0 or more.</param>
    /// <param name="right">Columns after the last, 0 or more.</param>
    /// <returns><c>[N, C, top + H + bottom, left + W + right]</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A padding is below 0.</exception>
    public static Tensor ZeroPad(Tensor x, int top, int bottom, int left, int right)
    {
        ArgumentNullException.ThrowIfNull(x);
        CheckPadding(top, bottom, left, right);
        Backend backend = x.Backend;
        Tensor y = Tape.NewOutput(x, x.Shape with { H = checked(top + x.Shape.H + bottom), W = checked(left + x.Shape.W + right) });
        var offset = new Shape(0, 0, top, left);
        backend.Fill(y.Buffer, y.Shape.Count, 0f);
        backend.CopyBlock(new BlockCopy(x.Shape, default, y.Shape, offset, x.Shape), x.Buffer, y.Buffer);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) =>
                gradients.Write(0, dx => backend.CopyBlock(new BlockCopy(y.Shape, offset, x.Shape, default, x.Shape), dy, dx)));
        }

        return y;
    }

    private static void CheckPadding(int top, int bottom, int left, int right)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfNegative(bottom);
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(right);
    }
}
