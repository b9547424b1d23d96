using System.Globalization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Inference;

/// <summary>The views of an image over which a prediction averages its probabilities: its sizes, and with them their mirror images.</summary>
public sealed class PredictionViews
{
    /// <summary>The smallest scale.</summary>
    public const double LeastScale = 0.1;

    /// <summary>The largest scale.</summary>
    public const double MostScale = 8;

    /// <summary>The most scales.</summary>
    public const int MostScales = 16;

    /// <summary>Chooses views.</summary>
    /// <param name="scales">Factors of the image's sides, 0.1 to 8, 1 to 16 different ones in any order. 1 need not be among them.</param>
    /// <param name="flip">Whether each size is seen mirrored too, left and right exchanged.</param>
    /// <exception cref="ArgumentException">A scale is out of range or there twice, or there are none or too many.</exception>
    public PredictionViews(IReadOnlyList<double> scales, bool flip)
    {
        ArgumentNullException.ThrowIfNull(scales);
        double[] ascending = [.. scales.Order()];
        That(ascending.Length is >= 1 and <= MostScales, $"there are 1 to {MostScales} scales; {ascending.Length} were given.");
        foreach (double scale in ascending)
        {
            That(scale is >= LeastScale and <= MostScale, $"a scale is from {LeastScale} to {MostScale}; one was {scale}.");
        }

        for (int i = 1; i < ascending.Length; i++)
        {
            That(ascending[i] != ascending[i - 1], $"a scale is named once; {ascending[i]} is there twice.");
        }

        (Scales, Flip) = (ascending, flip);
    }

    /// <summary>The image as it is, and nothing else.</summary>
    public static PredictionViews Plain { get; } = new([1], flip: false);

    /// <summary>Factors of the image's sides, smallest first: the order of addition.</summary>
    public IReadOnlyList<double> Scales { get; }

    /// <summary>Whether each size is seen mirrored too.</summary>
    public bool Flip { get; }

    /// <summary>Views of an image.</summary>
    public int Count => Scales.Count * (Flip ? 2 : 1);

    internal bool IsPlain => !Flip && Scales is [1.0];

    /// <summary>The sides of an image at a scale, rounded, 1 or more.</summary>
    internal static (long Width, long Height) SizeAt(RgbImage image, double scale) => (Scaled(image.Width, scale), Scaled(image.Height, scale));

    private static long Scaled(int length, double scale) => Math.Max(1, (long)Math.Round(length * scale, MidpointRounding.AwayFromZero));

    private static void That(bool condition, FormattableString message)
    {
        if (!condition)
        {
            throw new ArgumentException(message.ToString(CultureInfo.InvariantCulture));
        }
    }
}
