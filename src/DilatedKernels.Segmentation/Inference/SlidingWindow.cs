using System.Globalization;

namespace DilatedKernels.Segmentation.Inference;

/// <summary>What counts where windows overlap.</summary>
public enum WindowBlending
{
    /// <summary>All of them, each the less the nearer its border is: weights sin² along both axes, which add up to 1.</summary>
    Smooth,

    /// <summary>The one whose border is farther away: overlaps are cut in their middle.</summary>
    Cut,
}

/// <summary>
/// Windows of one size that slide over an image, so that a network never sees more at once. What is near a window's border knows less of its surroundings than in
/// the whole image, which the overlap makes up for.
/// </summary>
public sealed class SlidingWindow
{
    /// <summary>The longest side of a window.</summary>
    public const int MostSize = 1 << 16;

    /// <summary>Chooses windows.</summary>
    /// <param name="size">Pixels along the sides, 1 to 65536. An image that is no larger is seen whole.</param>
    /// <param name="overlap">Pixels that neighbours have in common at least, 0 to less than <paramref name="size"/>.</param>
    /// <param name="blending">What counts there.</param>
    /// <exception cref="ArgumentException">A number is out of range.</exception>
    public SlidingWindow(int size, int overlap, WindowBlending blending = WindowBlending.Smooth)
    {
        if (size is < 1 or > MostSize)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"a window's side is 1 to {MostSize} pixels; it was {size}."));
        }

        if (overlap < 0 || overlap >= size)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"windows of {size} pixels overlap by 0 to {size - 1}; it was {overlap}."));
        }

        if (!Enum.IsDefined(blending))
        {
            throw new ArgumentException("there is no such blending of windows.");
        }

        (Size, Overlap, Blending) = (size, overlap, blending);
    }

    /// <summary>Pixels along the sides.</summary>
    public int Size { get; }

    /// <summary>Pixels that neighbours have in common at least.</summary>
    public int Overlap { get; }

    /// <summary>What counts there.</summary>
    public WindowBlending Blending { get; }

    /// <summary>The windows along an axis, and how much of each pixel comes from each: at every pixel the weights are 0 or more and add up to 1.</summary>
    /// <param name="length">The image's pixels.</param>
    /// <param name="grid">Windows begin at multiples of this, so that a network's cells lie as in the whole image; at most Size − Overlap.</param>
    internal IReadOnlyList<(int Start, float[] Weights)> Along(int length, int grid)
    {
        int step = (Size - Overlap) / grid * grid;
        var starts = new List<int> { 0 };
        while (starts[^1] + Size < length)
        {
            starts.Add(starts[^1] + step);
        }

        (int Start, int End)[] spans = [.. starts.Select(start => (start, Math.Min(start + Size, length)))];
        double[] sum = new double[length];
        double[][] weights = [.. spans.Select((_, i) => Weights(spans, i))];
        for (int i = 0; i < spans.Length; i++)
        {
            for (int x = 0; x < weights[i].Length; x++)
            {
                sum[spans[i].Start + x] += weights[i][x];
            }
        }

        return [.. spans.Select((span, i) => (span.Start, weights[i].Select((weight, x) => (float)(weight / sum[span.Start + x])).ToArray()))];
    }

    private double[] Weights((int Start, int End)[] spans, int index)
    {
        (int start, int end) = spans[index];
        int before = index > 0 ? spans[index - 1].End : start;
        int after = index + 1 < spans.Length ? spans[index + 1].Start : end;
        double[] weights = new double[end - start];
        for (int x = 0; x < weights.Length; x++)
        {
            int at = start + x;
            weights[x] = Blending == WindowBlending.Smooth
                ? Rise(at - start + 0.5, before - start) * Rise(end - at - 0.5, end - after)
                : at >= Middle(start, before) && at < Middle(after, end) ? 1 : 0;
        }

        return weights;

        static int Middle(int from, int to) => from + ((to - from) / 2);
    }

    private static double Rise(double distance, int over) => distance >= over ? 1 : Math.Pow(Math.Sin(Math.PI / 2 * distance / over), 2);
}
