using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Brings a tensor to another element type: rounded to nearest, ties to even, or widened. The gradient goes back to the type of <paramref name="x"/>.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="type">The type of the result.</param>
    /// <returns>A tensor of <paramref name="x"/>'s shape; <paramref name="x"/> itself where it has the type already.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The type is none of the named ones.</exception>
    public static Tensor Cast(Tensor x, ElementType type)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.ElementType == type)
        {
            return x;
        }

        Backend backend = x.Backend;
        long count = x.Shape.Count;
        Tensor y = Tape.NewOutput(x.Device, x.Shape, type);
        backend.Convert(x.Buffer, y.Buffer, count);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) => gradients.Write(0, dx => backend.Convert(dy, dx, count)));
        }

        return y;
    }
}
