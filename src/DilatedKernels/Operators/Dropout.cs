using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// Dropout (Srivastava et al. 2014), scaled while training: each element becomes 0 with probability <paramref name="rate"/> and is divided by
    /// <c>1 − rate</c> otherwise.
    /// </summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="rate">0 or more and less than 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">The training step.</param>
    /// <param name="layer">A number that tells this layer's draw from the others' of the same step.</param>
    /// <returns><c>[N, C, H, W]</c>.</returns>
    /// <remarks>Which elements fall depends on (seed, step, layer) and the element's place alone, and is the same on every device.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rate"/> is outside its range.</exception>
    public static Tensor Dropout(Tensor x, float rate, ulong seed, ulong step, uint layer)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (!(rate >= 0f && rate < 1f))
        {
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "The dropout rate is 0 or more and less than 1.");
        }

        Backend backend = x.Backend;
        var key = new RandomKey(seed, step, layer);
        long count = x.Shape.Count;
        Tensor y = Tape.NewOutput(x, x.Shape);
        y.IsRectified = x.IsRectified;
        backend.Dropout(x.Buffer, y.Buffer, count, rate, key);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) =>
            {
                backend.Dropout(dy, dy, count, rate, key);
                // y is positive where x is, unless dropped, and there the gradient is 0.
                gradients.Give(0, gradients.IsMasked);
            });
        }

        return y;
    }
}
