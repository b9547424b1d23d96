namespace DilatedKernels;

/// <summary>
/// The extents of a tensor in the order batch, channels, height, width: <c>[N, C, H, W]</c>.
/// Every tensor has four axes; a bias of C channels is <c>[1, C, 1, 1]</c> and a scalar <c>[1, 1, 1, 1]</c>.
/// </summary>
/// <param name="N">Images in the batch, or output channels of a convolution weight.</param>
/// <param name="C">Channels, or input channels of a convolution weight.</param>
/// <param name="H">Rows.</param>
/// <param name="W">Columns.</param>
public readonly record struct Shape(int N, int C, int H, int W)
{
    // Whose bytes a long still counts.
    private const long MostElements = 1L << 60;

    /// <summary>The shape of a single value.</summary>
    public static Shape Scalar => new(1, 1, 1, 1);

    /// <summary>The number of elements; it can pass 2³¹.</summary>
    /// <exception cref="OverflowException">It passes 2⁶³.</exception>
    public long Count => checked(Positions * C);

    /// <summary>The number of spatial positions over the whole batch, <c>N·H·W</c>.</summary>
    /// <exception cref="OverflowException">It passes 2⁶³.</exception>
    public long Positions => checked((long)N * H * W);

    /// <summary>The shape of one value per channel, <c>[1, C, 1, 1]</c>.</summary>
    /// <param name="channels">The number of channels.</param>
    public static Shape PerChannel(int channels) => new(1, channels, 1, 1);

    /// <summary>Writes the shape as <c>[N, C, H, W]</c>.</summary>
    public override string ToString() => $"[{N}, {C}, {H}, {W}]";

    internal void ThrowIfInvalid(string parameter)
    {
        if (N < 0 || C < 0 || H < 0 || W < 0)
        {
            throw new ArgumentException($"The shape {this} has a negative extent; every extent is 0 or more.", parameter);
        }

        if ((Int128)Math.Max(N, 1) * Math.Max(C, 1) * Math.Max(H, 1) * Math.Max(W, 1) > MostElements)
        {
            throw new ArgumentException($"The shape {this} has more than {MostElements} elements, more than any memory holds.", parameter);
        }
    }
}
