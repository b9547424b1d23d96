using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Rectifier: <c>y = max(x, 0)</c>; its gradient at 0 is 0. NaN stays NaN.</summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    public static Tensor Relu(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        Backend backend = x.Backend;
        Tensor y = Tape.NewOutput(x, x.Shape);
        y.IsRectified = true;
        backend.ReluForward(x.Buffer, y.Buffer, x.Shape.Count);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) =>
            {
                if (!gradients.IsMasked)
                {
                    backend.ReluBackward(y.Buffer, dy, dy, y.Shape.Count);
                }

                // What is 0 where y is not positive is 0 where x is not.
                gradients.Give(0, isMasked: x.IsRectified);
            });
        }

        return y;
    }
}
