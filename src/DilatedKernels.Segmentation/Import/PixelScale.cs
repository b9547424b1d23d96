namespace DilatedKernels.Segmentation.Import;

/// <summary>
/// A published network's input: red, green, blue, each <c>(x / 255 − mean) / deviation</c>. Converts its first layer to one for our input, blue,
/// green, red, each <c>(x − mean) · scale</c>, and back.
/// </summary>
/// <remarks>
/// With <c>a = 1 / (255 · deviation · scale)</c> and <c>s = (ourMean − 255 · mean) / (255 · deviation)</c> for each channel, the kernel becomes <c>a · w</c> and
/// the bias gains <c>s</c> times the sum of the channel's taps. This is exact (computed in double precision, rounded once) where the layer is not
/// padded. Padding with zeros stands for a pixel of the mean's colour: where the two means differ, so do the outermost outputs of a padded layer.
/// </remarks>
/// <param name="MeanRgb">Mean of red, green, blue, 0 to 1.</param>
/// <param name="DeviationRgb">Standard deviation of red, green, blue.</param>
internal sealed record PixelScale(IReadOnlyList<double> MeanRgb, IReadOnlyList<double> DeviationRgb)
{
    private const int Channels = 3;

    /// <summary>What torchvision's and timm's VGG networks expect.</summary>
    public static PixelScale Torchvision { get; } = new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

    /// <summary>The mean as our networks state theirs: blue, green, red, 0 to 255.</summary>
    public IReadOnlyList<double> MeanBgr { get; } = [255 * MeanRgb[2], 255 * MeanRgb[1], 255 * MeanRgb[0]];

    /// <summary>Converts the first layer to our input.</summary>
    /// <param name="weight">Kernel <c>[out, 3, kh, kw]</c>.</param>
    /// <param name="bias">Bias <c>[out]</c>.</param>
    /// <param name="meanBgr">Our mean, 0 to 255.</param>
    /// <param name="scale">The factor that our network multiplies its input by.</param>
    public (double[] Weight, double[] Bias) ToOurs(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, IReadOnlyList<double> meanBgr, double scale)
    {
        double[] ours = new double[weight.Length];
        double[] shifted = Widen(bias);
        int taps = weight.Length / bias.Length / Channels;
        for (int o = 0; o < bias.Length; o++)
        {
            for (int c = 0; c < Channels; c++)
            {
                (int from, int to) = (((o * Channels) + Channels - 1 - c) * taps, ((o * Channels) + c) * taps);
                for (int t = 0; t < taps; t++)
                {
                    double tap = weight[from + t] / (255 * DeviationRgb[Channels - 1 - c]);
                    ours[to + t] = tap / scale;
                    shifted[o] += tap * (meanBgr[c] - MeanBgr[c]);
                }
            }
        }

        return (ours, shifted);
    }

    /// <summary>Converts the first layer of a network of ours to the published input: the inverse of <see cref="ToOurs"/>.</summary>
    /// <param name="weight">Kernel <c>[out, 3, kh, kw]</c>.</param>
    /// <param name="bias">Bias <c>[out]</c>.</param>
    /// <param name="meanBgr">Our mean, 0 to 255.</param>
    /// <param name="scale">The factor that our network multiplies its input by.</param>
    public (double[] Weight, double[] Bias) FromOurs(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, IReadOnlyList<double> meanBgr, double scale)
    {
        double[] theirs = new double[weight.Length];
        double[] shifted = Widen(bias);
        int taps = weight.Length / bias.Length / Channels;
        for (int o = 0; o < bias.Length; o++)
        {
            for (int c = 0; c < Channels; c++)
            {
                (int from, int to) = (((o * Channels) + c) * taps, ((o * Channels) + Channels - 1 - c) * taps);
                for (int t = 0; t < taps; t++)
                {
                    double tap = weight[from + t] * scale;
                    theirs[to + t] = tap * 255 * DeviationRgb[Channels - 1 - c];
                    shifted[o] -= tap * (meanBgr[c] - MeanBgr[c]);
                }
            }
        }

        return (theirs, shifted);
    }

    private static double[] Widen(ReadOnlySpan<float> values)
    {
        double[] wide = new double[values.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = values[i];
        }

        return wide;
    }
}
