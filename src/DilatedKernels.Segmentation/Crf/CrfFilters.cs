using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// The filters of one image. Those of position alone are kept, and the last one of position and colour, which is all that a search over
/// parameters uses twice if it takes weights last.
/// </summary>
internal sealed class CrfFilters(RgbImage image, CrfNormalization normalization, CrfKernel kernel, Pieces pieces)
{
    private readonly Dictionary<double, GaussianFilter> _spatial = [];
    private (double Sigma, double ColorSigma) _bilateralSigmas;
    private GaussianFilter? _bilateral;

    public GaussianFilter Spatial(double sigma)
    {
        if (!_spatial.TryGetValue(sigma, out GaussianFilter? filter))
        {
            filter = Create(PixelFeatures.Spatial(image.Width, image.Height, sigma));
            _spatial.Add(sigma, filter);
        }

        return filter;
    }

    public GaussianFilter Bilateral(double sigma, double colorSigma)
    {
        if (_bilateral is null || _bilateralSigmas != (sigma, colorSigma))
        {
            // The old one first, so that there are never two of the larger kind.
            _bilateral = null;
            byte[] pixels = image.Pixels;
            _bilateral = Create(PixelFeatures.Bilateral(
                image.Width, image.Height, i => (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]), sigma, colorSigma));
            _bilateralSigmas = (sigma, colorSigma);
        }

        return _bilateral;
    }

    private GaussianFilter Create(PixelFeatures features) =>
        new(kernel == CrfKernel.Exact ? new ExactKernel(features, pieces) : new PermutohedralLattice(features, pieces), normalization);
}
