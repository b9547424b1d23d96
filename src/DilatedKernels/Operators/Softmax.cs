using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Softmax over channels at every position: <c>y(n, c, p) = e^x(n, c, p) / Σ_k e^x(n, k, p)</c>.</summary>
    /// <param name="x">Scores <c>[N, C, H, W]</c> with at least one channel.</param>
    /// <returns>Probabilities <c>[N, C, H, W]</c>.</returns>
    /// <remarks>The largest score is subtracted first, so scores of any size are safe. A score of −∞ gives probability 0.</remarks>
    /// <exception cref="ArgumentException">The input has no channels.</exception>
    public static Tensor Softmax(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        CheckHasChannels(x.Shape);
        Backend backend = x.Backend;
        Tensor y = Tape.NewOutput(x, x.Shape);
        backend.SoftmaxForward(x.Shape, x.Buffer, y.Buffer);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) =>
            {
                backend.SoftmaxBackward(y.Shape, y.Buffer, dy, dy);
                gradients.Give(0);
            });
        }

        return y;
    }

    private static void CheckHasChannels(Shape scores)
    {
        if (scores.C < 1)
        {
            throw new ArgumentException($"Softmax runs over channels, and the scores {scores} have none.", nameof(scores));
        }
    }
}
