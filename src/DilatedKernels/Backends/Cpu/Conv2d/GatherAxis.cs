namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>A range of outputs along one axis that all read the same taps inside the input.</summary>
internal readonly record struct AxisSegment(int Begin, int End, int[] Taps);

/// <summary>
/// One axis of a convolution seen from its outputs: output <c>OutStart + j·OutStep</c> reads input <c>j·InStep + Offset(t)</c>
/// through every tap t for which that lies in the input.
/// <code>
///   taps 0 1 2, padding = dilation = 2:      o  o  o  o  o  o  o
///                                           └1,2─┘└0,1,2─┘└─0,1─┘   three segments
/// </code>
/// </summary>
internal sealed class GatherAxis
{
    private readonly long[] _offsets;

    private GatherAxis(int count, int outStart, int outStep, int inStep, int inExtent, int[] taps, long[] offsets)
    {
        Count = count;
        OutStart = outStart;
        OutStep = outStep;
        InStep = inStep;
        Taps = taps;
        _offsets = offsets;
        Segments = FindSegments(inExtent);
    }

    public int Count { get; }

    public int OutStart { get; }

    public int OutStep { get; }

    public int InStep { get; }

    /// <summary>The kernel position of each tap; the segments number the taps by place in this list.</summary>
    public int[] Taps { get; }

    public AxisSegment[] Segments { get; }

    /// <summary>The axis of a forward pass.</summary>
    public static GatherAxis Forward(int outExtent, int inExtent, int kernel, int stride, int dilation, int pad)
    {
        int[] taps = new int[kernel];
        long[] offsets = new long[kernel];
        for (int k = 0; k < kernel; k++)
        {
            taps[k] = k;
            offsets[k] = ((long)k * dilation) - pad;
        }

        return new GatherAxis(outExtent, 0, 1, stride, inExtent, taps, offsets);
    }

    /// <summary>
    /// The axis of the input's gradient at positions <paramref name="phase"/>, phase + stride, …: those read the output's gradient
    /// through the taps that reach them, at a fixed distance. Taps count from the kernel's end, so that offsets rise with them.
    /// </summary>
    public static GatherAxis Backward(int phase, int outExtent, int inExtent, int kernel, int stride, int dilation, int pad)
    {
        var taps = new List<int>();
        var offsets = new List<long>();
        for (int k = kernel - 1; k >= 0; k--)
        {
            long distance = (long)phase + pad - ((long)k * dilation);
            if (distance % stride == 0)
            {
                taps.Add(kernel - 1 - k);
                offsets.Add(distance / stride);
            }
        }

        int count = (inExtent - phase + stride - 1) / stride;
        return new GatherAxis(count, phase, stride, 1, outExtent, [.. taps], [.. offsets]);
    }

    public long Offset(int tap) => _offsets[tap];

    private AxisSegment[] FindSegments(int inExtent)
    {
        int[] first = new int[Taps.Length];
        int[] last = new int[Taps.Length];
        var borders = new SortedSet<int> { 0, Count };
        for (int t = 0; t < Taps.Length; t++)
        {
            first[t] = Steps(-_offsets[t]);
            last[t] = Math.Max(first[t], Steps(inExtent - _offsets[t]));
            borders.Add(first[t]);
            borders.Add(last[t]);
        }

        int[] sorted = [.. borders];
        var segments = new List<AxisSegment>();
        for (int i = 0; i + 1 < sorted.Length; i++)
        {
            int begin = sorted[i];
            int end = sorted[i + 1];
            int[] inside = [.. Enumerable.Range(0, Taps.Length).Where(t => first[t] <= begin && end <= last[t])];
            segments.Add(new AxisSegment(begin, end, inside));
        }

        return [.. segments];

        // The least j in [0, Count] with j·InStep >= position.
        int Steps(long position) => (int)Math.Clamp((position + InStep - 1) / InStep, 0, Count);
    }
}
