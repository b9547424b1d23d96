using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Adds one value per channel: <c>y(n, c, h, w) = x(n, c, h, w) + bias(c)</c>.</summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="bias"><c>[1, C, 1, 1]</c>, float32.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    /// <exception cref="ArgumentException">The bias is not <c>[1, C, 1, 1]</c> or not float32, or the tensors are on different devices.</exception>
    public static Tensor Bias(Tensor x, Tensor bias)
    {
        ArgumentNullException.ThrowIfNull(bias);
        Guard.SameDevice(x, bias);
        Guard.IsFloat32(bias, "bias");
        if (bias.Shape != Shape.PerChannel(x.Shape.C))
        {
            throw new ArgumentException($"The input {x.Shape} takes a bias {Shape.PerChannel(x.Shape.C)}; it was {bias.Shape}.", nameof(bias));
        }

        Backend backend = x.Backend;
        Tensor y = Tape.NewOutput(x, x.Shape, bias);
        backend.BiasForward(x.Shape, x.Buffer, bias.Buffer, y.Buffer);

        if (Tape.WillRecord(x, bias))
        {
            Tape.RecordNode(y, [x, bias], (dy, gradients) =>
            {
                gradients.Write(1, db => backend.BiasBackward(y.Shape, dy, db));
                gradients.Give(0);
            });
        }

        return y;
    }
}
