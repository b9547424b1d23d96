namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// A Gaussian filter on a device. The processor builds the lattice and what it is divided by, once an image; every pass is a few sparse products.
/// </summary>
internal sealed class DeviceFilter : IDisposable
{
    private readonly List<SparseMatrix> _matrices = [];

    public DeviceFilter(Device device, PixelFeatures features, CrfNormalization normalization, Pieces pieces)
    {
        var lattice = new PermutohedralLattice(features, pieces);
        var filter = new GaussianFilter(lattice, normalization);
        try
        {
            _matrices.AddRange(lattice.ToMatrices(device, filter.Before, filter.After));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary><c>addend + weight · filter(x)</c>, of <c>[1, C, 1, pixels]</c> all.</summary>
    public Tensor Apply(Tensor x, float weight, Tensor addend)
    {
        Tensor values = Ops.SparseProduct(_matrices[0], x);
        for (int axis = 1; axis < _matrices.Count - 1; axis++)
        {
            using Tensor before = values;
            values = Ops.SparseProduct(_matrices[axis], before);
        }

        using Tensor blurred = values;
        return Ops.SparseProduct(_matrices[^1], blurred, weight, addend);
    }

    public void Dispose()
    {
        foreach (SparseMatrix matrix in _matrices)
        {
            matrix.Dispose();
        }
    }
}
