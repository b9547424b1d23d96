using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// Refines a network's probabilities with a fully connected CRF (Krähenbühl and Koltun 2011): pixels that are near each other and of like
/// colour come to agree.
/// </summary>
/// <remarks>The result has the same bits for every number of threads, and again and again on a GPU; the two differ by rounding.</remarks>
public sealed class DenseCrf
{
    private readonly Device? _device;
    private readonly int _threads;

    /// <summary>Prepares inference on the processor.</summary>
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

    /// <summary>Prepares inference on a device.</summary>
    /// <param name="config">Energy and iterations.</param>
    /// <param name="device">
    /// Where the filters and the iterations run. With a GPU the processor still places the pixels in the lattices, once an image; it computes
    /// <see cref="CrfKernel.Exact"/> alone. A compatibility matrix is multiplied as the device's convolutions are (<see cref="Float32Precision"/>).
    /// With the processor the device's own threads rest.
    /// </param>
    /// <param name="threads">Threads for what the processor does, or 0 for <see cref="Device.Threads"/>.</param>
    /// <exception cref="ArgumentException">A parameter is out of its range, or <paramref name="threads"/> is negative.</exception>
    public DenseCrf(DenseCrfConfig config, Device device, int threads = 0)
        : this(config, threads)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device.IsCpu ? null : device;
        _threads = threads == 0 ? device.Threads : threads;
    }

    /// <summary>Energy and iterations.</summary>
    public DenseCrfConfig Config { get; }

    /// <summary>Mean-field probabilities. About 20 bytes a pixel and class are needed beside the input, and 200 a pixel for the lattices, more where hardly two colours are alike; on a GPU about as much of its own.</summary>
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
        using ImageCrf crf = ImageCrf.Open(image, probabilities, Config, _device, _threads, cancellation);
        return crf.Refine(Config);
    }
}
