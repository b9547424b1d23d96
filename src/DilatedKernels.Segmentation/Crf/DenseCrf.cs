using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// Refines a network's probabilities with a fully connected CRF (Krähenbühl and Koltun 2011): pixels that are near each other and of like
/// colour come to agree. The result has the same bits for every number of threads.
/// </summary>
public sealed class DenseCrf
{
    private readonly int _threads;

    /// <summary>Prepares inference.</summary>
    /// <param name="config">Energy and iterations.</param>
    /// <param name="threads">Processor threads, or 0 for one a core.</param>
    /// <exception cref="ArgumentException">A parameter is out of its range, or <paramref name="threads"/> is negative.</exception>
    public DenseCrf(DenseCrfConfig config, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        config.Validate();
        Config = config;
        _threads = threads;
    }

    /// <summary>Energy and iterations.</summary>
    public DenseCrfConfig Config { get; }

    /// <summary>Mean-field probabilities. About 20 bytes a pixel and class are needed beside the input, and 200 a pixel for the lattices, more where hardly two colours are alike.</summary>
    /// <param name="image">The image.</param>
    /// <param name="probabilities">The network's, of the image's size: 0 to 1, not NaN.</param>
    /// <param name="cancellation">Checked all the time.</param>
    /// <returns>New probabilities that sum to 1 at every pixel.</returns>
    /// <exception cref="ArgumentException">
    /// The sizes differ, a value is no probability, the compatibility matrix is of another size, or the image is too large for the kernel.
    /// </exception>
    public ProbabilityMap Refine(RgbImage image, ProbabilityMap probabilities, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        CheckSize(image, probabilities);
        var pieces = new Pieces(_threads, cancellation);
        float[] unary = LogProbabilities(probabilities, Config.ProbabilityFloor);
        return Refine(unary, probabilities, new CrfFilters(image, Config.Normalization, Config.Kernel, pieces), Config, pieces);
    }

    /// <summary>Refines with filters that the caller keeps for other parameters.</summary>
    internal static ProbabilityMap Refine(float[] unary, ProbabilityMap probabilities, CrfFilters filters, DenseCrfConfig config, Pieces pieces)
    {
        int classes = probabilities.Classes;
        int points = probabilities.Width * probabilities.Height;
        if (config.Compatibility is { } matrix && matrix.Count != classes * classes)
        {
            throw new ArgumentException($"The compatibility matrix of {classes} classes has {classes * classes} numbers; this one has {matrix.Count}.");
        }

        var used = new List<GaussianFilter>();
        var couplings = new List<Coupling>();
        if (config.SpatialWeight > 0)
        {
            used.Add(filters.Spatial(config.SpatialSigma));
            couplings.Add(Couple(config.SpatialWeight));
        }

        if (config.BilateralWeight > 0)
        {
            used.Add(filters.Bilateral(config.BilateralSigma, config.ColorSigma));
            couplings.Add(Couple(config.BilateralWeight));
        }

        float[] refined = new MeanField(points, classes, used, couplings, pieces).Probabilities(unary, config.Iterations);
        float[] values = new float[points * classes];
        Rows.Unpad(refined, values, classes);
        return new ProbabilityMap(probabilities.Width, probabilities.Height, classes, values);

        // Potts' 1 − I differs from −I by the sum over classes, which is the same for every class and lost in the softmax.
        Coupling Couple(double weight) => config.Compatibility is { } mu
            ? Coupling.Full(classes, (l, m) => -weight * mu[(l * classes) + m])
            : Coupling.Diagonal([.. Enumerable.Repeat((float)weight, classes)]);
    }

    internal static void CheckSize(RgbImage image, ProbabilityMap probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        if (probabilities.Width != image.Width || probabilities.Height != image.Height)
        {
            throw new ArgumentException(
                $"The probabilities are {probabilities.Width}×{probabilities.Height}, but the image is {image.Width}×{image.Height} (width×height); they must be the same size.", nameof(probabilities));
        }
    }

    /// <summary>The unary scores log p, as <see cref="Rows"/>.</summary>
    internal static float[] LogProbabilities(ProbabilityMap map, double floor)
    {
        float[] rows = Rows.Pad(map.Values, map.Width * map.Height, map.Classes);
        int stride = Rows.Stride(map.Classes);
        // A floor may be below every float32 number; its logarithm is not.
        float least = (float)Math.Log(floor);
        for (int i = 0; i < map.Width * map.Height; i++)
        {
            for (int c = 0; c < map.Classes; c++)
            {
                ref float value = ref rows[(i * stride) + c];
                // Above 1 by rounding is a probability; NaN is not.
                if (!(value is >= 0 and <= 1.001f))
                {
                    throw new ArgumentException($"The probability of class {c} at x {i % map.Width}, y {i / map.Width} is {value}; probabilities are from 0 to 1.");
                }

                value = value > floor ? MathF.Log(value) : least;
            }
        }

        return rows;
    }
}
