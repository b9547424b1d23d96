namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Decides what is cut where, as a pure function of seed and position in the run: crop <c>k</c> of step <c>s</c> is the run's draw number
/// <c>g = s·BatchSize + k</c>; each epoch of as many draws as there are samples is its own permutation of the samples.
/// </summary>
internal sealed class CropPlan(int samples, CropOptions options)
{
    private readonly EpochOrder _order = new(samples, options.Seed, "sample order");

    /// <summary>The sample that a draw takes.</summary>
    public int SampleOf(long draw) => _order[draw];

    /// <summary>The size to which a draw brings its image before it is cut: the same factor along both axes, but for rounding.</summary>
    public Size2 SizeOf(long draw, Size2 image)
    {
        if (options is { LeastScale: 1, MostScale: 1 })
        {
            return image;
        }

        double factor = options.LeastScale + ((options.MostScale - options.LeastScale) * new RandomSequence(options.Seed, "scale", (ulong)draw).NextDouble());
        return new Size2(Scaled(image.Height), Scaled(image.Width));

        int Scaled(int extent) => (int)Math.Max(1, Math.Round(extent * factor));
    }

    /// <summary>Where the changes of colour of a draw come from.</summary>
    public RandomSequence ColorsOf(long draw) => new(options.Seed, "color", (ulong)draw);

    /// <summary>
    /// Where a draw's crop interior starts in an image, and whether it is mirrored. The interior lies within the image; where the image is
    /// smaller, the image lies within the interior.
    /// </summary>
    public (int Top, int Left, bool Mirror) PlacementOf(long draw, Size2 image)
    {
        RandomSequence random = new(options.Seed, "crop", (ulong)draw);
        int top = Offset(random, image.Height, options.Interior.Height);
        int left = Offset(random, image.Width, options.Interior.Width);
        return (top, left, options.Mirror && (random.NextUInt32() & 1) == 1);
    }

    private static int Offset(RandomSequence random, int image, int interior)
        => Math.Min(0, image - interior) + random.NextInt32(Math.Abs(image - interior) + 1);
}
