namespace DilatedKernels.Backends;

/// <summary>
/// A 2-D convolution (cross-correlation) with all its extents resolved.
/// Activations are channels-last <c>[N][H][W][C]</c>, weights <c>[OutChannels][KernelHeight][KernelWidth][InChannels]</c>.
/// <code>
/// y(n, oy, ox, k) = Σ over ky, kx, c of  x(n, oy·StrideH − PadH + ky·DilationH, ox·StrideW − PadW + kx·DilationW, c) · w(k, ky, kx, c)
///
///   taps of a 3-wide kernel at dilation 3:   ●  ·  ·  ●  ·  ·  ●
/// </code>
/// Positions outside the input count as zero.
/// </summary>
internal readonly record struct Conv2dGeometry(
    int Batch, int InChannels, int InHeight, int InWidth,
    int OutChannels, int KernelHeight, int KernelWidth,
    int StrideH, int StrideW, int DilationH, int DilationW, int PadH, int PadW)
{
    public int OutHeight => OutExtent(InHeight, KernelHeight, StrideH, DilationH, PadH);

    public int OutWidth => OutExtent(InWidth, KernelWidth, StrideW, DilationW, PadW);

    public Shape InShape => new(Batch, InChannels, InHeight, InWidth);

    public Shape OutShape => new(Batch, OutChannels, OutHeight, OutWidth);

    public Shape WeightShape => new(OutChannels, InChannels, KernelHeight, KernelWidth);

    public int Taps => KernelHeight * KernelWidth;

    /// <summary>Multiply-adds times two, the taps in the padding included.</summary>
    public long Flops => 2L * OutShape.Count * InChannels * Taps;

    /// <summary><c>floor((n + 2p − ((k−1)·l + 1)) / s) + 1</c>, or 0 or less when the kernel does not fit.</summary>
    public static int OutExtent(int extent, int kernel, int stride, int dilation, int pad)
    {
        long free = extent + (2L * pad) - (((kernel - 1L) * dilation) + 1);
        return free < 0 ? 0 : checked((int)(free / stride) + 1);
    }
}

/// <summary>A max-pooling window; positions outside the input never win.</summary>
internal readonly record struct Pool2dGeometry(
    int Batch, int Channels, int InHeight, int InWidth, int OutHeight, int OutWidth,
    int KernelH, int KernelW, int StrideH, int StrideW, int PadH, int PadW)
{
    public Shape InShape => new(Batch, Channels, InHeight, InWidth);

    public Shape OutShape => new(Batch, Channels, OutHeight, OutWidth);
}

/// <summary>
/// Bilinear interpolation, separable: <c>y(n, oy, ox, c) = Σ over the two rows and two columns that (oy, ox) reads of
/// rows.Weight · columns.Weight · x</c>. What the alignment is has been written into the two axes.
/// </summary>
internal readonly record struct UpsampleGeometry(int Batch, int Channels, ResampleAxis Rows, ResampleAxis Columns)
{
    public int InHeight => Rows.InExtent;

    public int InWidth => Columns.InExtent;

    public int OutHeight => Rows.OutExtent;

    public int OutWidth => Columns.OutExtent;

    public Shape InShape => new(Batch, Channels, InHeight, InWidth);

    public Shape OutShape => new(Batch, Channels, OutHeight, OutWidth);
}

/// <summary>A rectangular block copied from one tensor into another; offsets and extents in N, C, H, W.</summary>
internal readonly record struct BlockCopy(Shape Source, Shape SourceOffset, Shape Target, Shape TargetOffset, Shape Extent);

/// <summary>Reflection padding, narrower than the extent it reflects; the edge itself is not repeated (<c>d c b | a b c d | c b a</c>).</summary>
internal readonly record struct ReflectionPadGeometry(Shape In, int Top, int Bottom, int Left, int Right)
{
    public Shape Out => new(In.N, In.C, In.H + Top + Bottom, In.W + Left + Right);

    /// <summary>The input position that output position <paramref name="o"/> shows, along one axis.</summary>
    public static int Source(int o, int leading, int extent)
    {
        int i = Math.Abs(o - leading);
        return i < extent ? i : (2 * (extent - 1)) - i;
    }

    /// <summary>Writes the output positions, in rising order, that show input position <paramref name="i"/>; returns how many, 1 to 3.</summary>
    public static int Images(int i, int leading, int trailing, int extent, Span<int> images)
    {
        int count = 0;
        if (i >= 1 && i <= leading)
        {
            images[count++] = leading - i;
        }

        images[count++] = leading + i;
        int distance = extent - 1 - i;
        if (distance >= 1 && distance <= trailing)
        {
            images[count++] = leading + extent - 1 + distance;
        }

        return count;
    }
}

/// <summary>
/// A sparse matrix times every channel: <c>y(n, i, c) = z(n, i, c) + scale · Σ_k weight(k) · x(n, column(k), c)</c>, where row i has the entries k from
/// first(i) to before first(i + 1).
/// </summary>
internal readonly record struct SparseGeometry(int Batch, int Channels, int Rows, int Columns)
{
    public Shape OutShape => new(Batch, Channels, 1, Rows);
}

/// <summary>The key of a stream of random numbers: the same key gives the same numbers on every device.</summary>
/// <param name="Seed">The run's seed.</param>
/// <param name="Step">The training step.</param>
/// <param name="Layer">Which layer of the network draws.</param>
internal readonly record struct RandomKey(ulong Seed, ulong Step, uint Layer)
{
    /// <summary>
    /// Four random words for the elements <c>4·block</c> to <c>4·block + 3</c>: Philox with the seed as its key and
    /// (block, layer, step) as its counter. Blocks are below 2³², so an array has at most 2³⁴ elements.
    /// </summary>
    public (uint X, uint Y, uint Z, uint W) Words(long block) => Philox.Generate(Seed, (ulong)block | ((ulong)Layer << 32), Step);
}

/// <summary>One parameter in an optimizer step. Buffers hold <paramref name="Count"/> float32 values.</summary>
internal readonly record struct OptimizerSlot(
    DeviceBuffer Value, DeviceBuffer Gradient, DeviceBuffer State1, DeviceBuffer? State2,
    long Count, float LearningRateMultiplier, float WeightDecay);
