namespace DilatedKernels.Segmentation.Data;

/// <summary>Which sample each draw of a training takes: every epoch has all of them once, in an order of its own.</summary>
/// <param name="samples">How many there are.</param>
/// <param name="seed">Of the orders.</param>
/// <param name="stream">The random numbers' name.</param>
internal sealed class EpochOrder(int samples, ulong seed, string stream)
{
    private readonly Lock _lock = new();
    private long _epoch = -1;
    private int[] _order = [];

    /// <summary>The sample that a draw takes.</summary>
    public int this[long draw]
    {
        get
        {
            long epoch = draw / samples;
            lock (_lock)
            {
                // Draws come nearly in order, so one epoch's permutation is enough to keep.
                if (epoch != _epoch)
                {
                    _order = [.. Enumerable.Range(0, samples)];
                    new RandomSequence(seed, stream, (ulong)epoch).Shuffle<int>(_order);
                    _epoch = epoch;
                }

                return _order[(int)(draw % samples)];
            }
        }
    }
}
