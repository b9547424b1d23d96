using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>The direct convolution beside the peak that was measured between its own samples.</summary>
/// <param name="Shape">A convolution, forward.</param>
/// <param name="Threads">Of both.</param>
/// <param name="Milliseconds">Medians of the rounds.</param>
/// <param name="Peaks">Of the rounds, 10⁹ floating-point operations a second.</param>
internal sealed record PeakRow(BenchShape Shape, int Threads, IReadOnlyList<double> Milliseconds, IReadOnlyList<double> Peaks)
{
    public Statistics Time => Statistics.Of(Milliseconds);

    public Statistics Peak => Statistics.Of(Peaks);

    /// <summary>Multiply-adds of one run times two, without those of taps in the padding, which the kernel leaves out.</summary>
    public long Flops => InBoundsFlops(Shape.Convolution);

    public double GigaFlops => Flops / Time.Median / 1e6;

    public double Share => GigaFlops / Peak.Median;

    /// <summary>The time over that of the least dilation with the same output, where this has none of the padding that changes the work; or null.</summary>
    public double? OverLeastDilation(IEnumerable<PeakRow> rows)
    {
        PeakRow least = rows.Where(row => row.Threads == Threads && row.Shape.Padding == 0 && row.Shape.Convolution.OutShape == Shape.Convolution.OutShape).DefaultIfEmpty(this).MinBy(row => row.Shape.Dilation)!;
        return Shape.Padding == 0 && least.Shape.Dilation < Shape.Dilation ? Time.Median / least.Time.Median : null;
    }

    internal static long InBoundsFlops(in Conv2dGeometry g) => 2L * g.Batch * g.InChannels * g.OutChannels
        * Taps(g.OutHeight, g.InHeight, g.KernelHeight, g.StrideH, g.DilationH, g.PadH)
        * Taps(g.OutWidth, g.InWidth, g.KernelWidth, g.StrideW, g.DilationW, g.PadW);

    /// <summary>Pairs of an output and a tap that find an input.</summary>
    private static long Taps(int outExtent, int inExtent, int kernel, int stride, int dilation, int pad)
    {
        long count = 0;
        for (int o = 0; o < outExtent; o++)
        {
            for (int k = 0; k < kernel; k++)
            {
                long i = ((long)o * stride) + ((long)k * dilation) - pad;
                count += i >= 0 && i < inExtent ? 1 : 0;
            }
        }

        return count;
    }
}
