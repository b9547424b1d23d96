using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Element-wise sum <c>y = a + b</c>.</summary>
    /// <param name="a">Left <c>[N, C, H, W]</c>.</param>
    /// <param name="b">Right, the same shape.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes, types or devices differ.</exception>
    public static Tensor Add(Tensor a, Tensor b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        Guard.SameDevice(a, b);
        Guard.SameType(a, b);
        if (a.Shape != b.Shape)
        {
            throw new ArgumentException($"Add takes two tensors of one shape; these are {a.Shape} and {b.Shape}.", nameof(b));
        }

        Backend backend = a.Backend;
        long count = a.Shape.Count;
        Tensor y = Tape.NewOutput(a, a.Shape);
        backend.Add(a.Buffer, b.Buffer, y.Buffer, count);

        if (Tape.WillRecord(a, b))
        {
            Tape.RecordNode(y, [a, b], (dy, gradients) =>
            {
                gradients.Write(1, db => backend.Copy(dy, db, count * y.ElementType.Size()));
                gradients.Give(0);
            });
        }

        return y;
    }
}
