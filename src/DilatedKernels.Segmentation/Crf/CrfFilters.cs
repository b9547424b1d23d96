using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// The filters of one image. Those of position alone are kept, and the last one of position and colour, which is all that a search over
/// parameters uses twice if it takes weights last.
/// </summary>
/// <param name="image">The image.</param>
/// <param name="create">Makes a filter; it is disposed here if it can be.</param>
internal sealed class CrfFilters<TFilter>(RgbImage image, Func<PixelFeatures, TFilter> create) : IDisposable
    where TFilter : class
{
    private readonly Dictionary<double, TFilter> _spatial = [];
    private (double Sigma, double ColorSigma) _bilateralSigmas;
    private TFilter? _bilateral;

    /// <summary>The filters that parameters use, each with its weight; those without a weight are left out.</summary>
    public IEnumerable<(TFilter Filter, double Weight)> Of(DenseCrfConfig config)
    {
        if (config.SpatialWeight > 0)
        {
            yield return (Spatial(config.SpatialSigma), config.SpatialWeight);
        }

        if (config.BilateralWeight > 0)
        {
            yield return (Bilateral(config.BilateralSigma, config.ColorSigma), config.BilateralWeight);
        }
    }

    public void Dispose()
    {
        foreach (TFilter filter in _spatial.Values)
        {
            (filter as IDisposable)?.Dispose();
        }

        (_bilateral as IDisposable)?.Dispose();
    }

    private TFilter Spatial(double sigma)
    {
        if (!_spatial.TryGetValue(sigma, out TFilter? filter))
        {
            filter = create(PixelFeatures.Spatial(image.Width, image.Height, sigma));
            _spatial.Add(sigma, filter);
        }

        return filter;
    }

    private TFilter Bilateral(double sigma, double colorSigma)
    {
        if (_bilateral is null || _bilateralSigmas != (sigma, colorSigma))
        {
            // The old one first, so that there are never two of the larger kind.
            (_bilateral as IDisposable)?.Dispose();
            _bilateral = null;
            byte[] pixels = image.Pixels;
            _bilateral = create(PixelFeatures.Bilateral(
                image.Width, image.Height, i => (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]), sigma, colorSigma));
            _bilateralSigmas = (sigma, colorSigma);
        }

        return _bilateral;
    }
}
