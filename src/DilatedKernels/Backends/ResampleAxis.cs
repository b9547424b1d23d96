namespace DilatedKernels.Backends;

/// <summary>What decides the weights of an axis, beside its extents.</summary>
internal enum ResampleRule
{
    HalfPixel,
    CornerAligned,
    CellOrigin,
    Deconvolution,
    WholeDeconvolution,
}

/// <summary>Names an axis: two with the same key have the same tables.</summary>
internal readonly record struct ResampleKey(ResampleRule Rule, int InExtent, int OutExtent);

/// <summary>
/// One axis of a separable bilinear interpolation, written out: output <c>o</c> is
/// <c>Weight0[o]·x[First[o]] + Weight1[o]·x[First[o] + 1]</c>, where the second term is absent (and its weight 0) past the last input.
/// First never decreases, so the outputs that read input <c>i</c> are a range: <see cref="ReadersBegin"/> to <see cref="ReadersEnd"/>.
/// Source coordinates are rational numbers, evaluated exactly; each weight is rounded once.
/// </summary>
internal sealed class ResampleAxis
{
    private ResampleAxis(ResampleRule rule, int inExtent, int outExtent)
    {
        Key = new ResampleKey(rule, inExtent, outExtent);
        First = new int[outExtent];
        Weight0 = new float[outExtent];
        Weight1 = new float[outExtent];
        Start = new int[inExtent + 1];
    }

    public ResampleKey Key { get; }

    public int InExtent => Key.InExtent;

    public int OutExtent => First.Length;

    /// <summary>The first of the two inputs that each output reads, 0 to InExtent − 1.</summary>
    public int[] First { get; }

    public float[] Weight0 { get; }

    public float[] Weight1 { get; }

    /// <summary><c>Start[i]</c> is the first output whose <see cref="First"/> is <c>i</c> or more, for i from 0 to InExtent.</summary>
    public int[] Start { get; }

    /// <summary>Output centres on input centres: source = (o + ½)·in/out − ½, clamped to the map.</summary>
    public static ResampleAxis HalfPixel(int inExtent, int outExtent) =>
        Build(ResampleRule.HalfPixel, inExtent, outExtent, o => ((((2L * o) + 1) * inExtent) - outExtent, 2L * outExtent), zeroOutside: false);

    /// <summary>First on first and last on last: source = o·(in − 1)/(out − 1), or 0 for a single output.</summary>
    public static ResampleAxis CornerAligned(int inExtent, int outExtent) =>
        Build(ResampleRule.CornerAligned, inExtent, outExtent, o => ((long)o * (inExtent - 1), Math.Max(1, outExtent - 1)), zeroOutside: false);

    /// <summary>Output 0 on input 0 at the full ratio: source = o·in/out, clamped to the map.</summary>
    public static ResampleAxis CellOrigin(int inExtent, int outExtent) =>
        Build(ResampleRule.CellOrigin, inExtent, outExtent, o => ((long)o * inExtent, outExtent), zeroOutside: false);

    /// <summary>
    /// A transposed convolution with the bilinear kernel of this scale: half-pixel sampling that loses the weight outside the map. Unpadded, it begins
    /// scale / 2 earlier, rounded down, and ends as much later.
    /// </summary>
    public static ResampleAxis Deconvolution(int inExtent, int scale, bool padded)
    {
        int lead = padded ? 0 : scale / 2;
        return Build(
            padded ? ResampleRule.Deconvolution : ResampleRule.WholeDeconvolution, inExtent, checked((inExtent * scale) + (2 * lead)),
            o => ((2L * (o - lead)) + 1 - scale, 2L * scale), zeroOutside: true);
    }

    /// <summary>The first output that reads input <paramref name="i"/>.</summary>
    public int ReadersBegin(int i) => i == 0 ? 0 : Start[i - 1];

    /// <summary>One past the last output that reads input <paramref name="i"/>.</summary>
    public int ReadersEnd(int i) => Start[i + 1];

    /// <summary>The weight of input <paramref name="i"/> in output <paramref name="o"/>, one of its readers.</summary>
    public float Weight(int o, int i) => First[o] == i ? Weight0[o] : Weight1[o];

    private static ResampleAxis Build(
        ResampleRule rule, int inExtent, int outExtent, Func<int, (long Numerator, long Denominator)> source, bool zeroOutside)
    {
        var axis = new ResampleAxis(rule, inExtent, outExtent);
        for (int o = 0; o < outExtent; o++)
        {
            (long numerator, long denominator) = source(o);
            long floor = Math.DivRem(numerator, denominator, out long remainder);
            if (remainder < 0)
            {
                floor--;
                remainder += denominator;
            }

            float fraction = (float)((double)remainder / denominator);
            float rest = (float)((double)(denominator - remainder) / denominator);
            (axis.First[o], axis.Weight0[o], axis.Weight1[o]) = floor switch
            {
                < 0 => (0, zeroOutside ? fraction : 1f, 0f),
                _ when floor >= inExtent - 1 => (inExtent - 1, zeroOutside ? rest : 1f, 0f),
                _ => ((int)floor, rest, fraction),
            };
        }

        int next = 0;
        for (int i = 0; i <= inExtent; i++)
        {
            while (next < outExtent && axis.First[next] < i)
            {
                next++;
            }

            axis.Start[i] = next;
        }

        return axis;
    }
}
