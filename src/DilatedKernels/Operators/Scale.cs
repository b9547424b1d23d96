using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Multiplies by a constant: <c>y = factor · x</c>.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="factor">The constant; it gets no gradient.</param>
    /// <returns>A tensor of <paramref name="x"/>'s shape.</returns>
    public static Tensor Scale(Tensor x, float factor)
    {
        ArgumentNullException.ThrowIfNull(x);
        Backend backend = x.Backend;
        Tensor y = Tape.NewOutput(x, x.Shape);
        Multiply(x.Buffer, y.Buffer);
        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) =>
            {
                Multiply(dy, dy);
                gradients.Give(0);
            });
        }

        return y;

        void Multiply(DeviceBuffer source, DeviceBuffer target)
        {
            using DeviceBuffer scalar = backend.Allocate(1, ElementType.Float32);
            backend.Fill(scalar, 1, factor);
            backend.ScaleBy(source, scalar, target, y.Shape.Count);
        }
    }
}
