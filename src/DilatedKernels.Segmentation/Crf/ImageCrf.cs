using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>The CRF of one image: its scores and the filters that parameters have used so far, kept for the next ones.</summary>
internal abstract class ImageCrf : IDisposable
{
    private readonly int _width;
    private readonly int _height;

    protected ImageCrf(ProbabilityMap probabilities) => (_width, _height, Classes) = (probabilities.Width, probabilities.Height, probabilities.Classes);

    protected int Classes { get; }

    protected int Points => _width * _height;

    /// <summary>Prepares an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="probabilities">The network's, of its size.</param>
    /// <param name="start">Kernel, normalisation and floor, which all parameters share.</param>
    /// <param name="device">Where to compute; null for the processor, which computes the exact kernel whatever the device.</param>
    /// <param name="threads">Processor threads, or 0 for one a core.</param>
    /// <param name="cancellation">Checked all the time.</param>
    /// <exception cref="ArgumentException">The sizes differ, or a value is no probability.</exception>
    public static ImageCrf Open(RgbImage image, ProbabilityMap probabilities, DenseCrfConfig start, Device? device, int threads, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        if (probabilities.Width != image.Width || probabilities.Height != image.Height)
        {
            throw new ArgumentException(
                $"The probabilities are {probabilities.Width}×{probabilities.Height}, but the image is {image.Width}×{image.Height} (width×height); they must be the same size.", nameof(probabilities));
        }

        return device is null || start.Kernel == CrfKernel.Exact
            ? new ProcessorCrf(image, probabilities, start, new Pieces(threads, cancellation))
            : new DeviceCrf(device, image, probabilities, start, threads, cancellation);
    }

    /// <summary>Mean-field probabilities.</summary>
    /// <param name="config">Weights, deviations, compatibility and iterations.</param>
    /// <exception cref="ArgumentException">The compatibility matrix is of another size, or the image is too large for the kernel.</exception>
    public ProbabilityMap Refine(DenseCrfConfig config)
    {
        if (config.Compatibility is { } matrix && matrix.Count != Classes * Classes)
        {
            throw new ArgumentException($"The compatibility matrix of {Classes} classes has {Classes * Classes} numbers; this one has {matrix.Count}.");
        }

        float[] values = new float[Points * Classes];
        Refine(config, values);
        return new ProbabilityMap(_width, _height, Classes, values);
    }

    public abstract void Dispose();

    /// <summary>Computes the probabilities, pixel after pixel.</summary>
    protected abstract void Refine(DenseCrfConfig config, float[] values);

    /// <summary>The scores log p in rows of <paramref name="stride"/> numbers, the last of them <paramref name="padding"/>.</summary>
    protected static float[] LogProbabilities(ProbabilityMap map, double floor, int stride, float padding)
    {
        float[] rows = Rows.Pad(map.Values, map.Width * map.Height, map.Classes, stride);
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

            rows.AsSpan((i * stride) + map.Classes, stride - map.Classes).Fill(padding);
        }

        return rows;
    }
}
