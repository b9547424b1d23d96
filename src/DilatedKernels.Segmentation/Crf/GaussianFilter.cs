namespace DilatedKernels.Segmentation.Crf;

/// <summary>A kernel between pixels, normalised.</summary>
internal sealed class GaussianFilter
{
    // The response contains the pixel itself, so it is never this small; the released code adds it, too.
    private const float Epsilon = 1e-20f;

    private readonly IPixelKernel _kernel;
    private readonly float[]? _before;
    private readonly float[] _after;

    public GaussianFilter(IPixelKernel kernel, CrfNormalization normalization)
    {
        _kernel = kernel;
        float[] ones = new float[kernel.Points * Rows.Lanes];
        float[] response = new float[ones.Length];
        Array.Fill(ones, 1f);
        kernel.Apply(ones, response, Rows.Lanes, before: null, after: null, transposed: false);
        _after = new float[kernel.Points];
        for (int i = 0; i < _after.Length; i++)
        {
            float sum = response[i * Rows.Lanes] + Epsilon;
            _after[i] = 1 / (normalization == CrfNormalization.Symmetric ? MathF.Sqrt(sum) : sum);
        }

        _before = normalization == CrfNormalization.Symmetric ? _after : null;
    }

    public int Points => _kernel.Points;

    /// <summary>The factors of every pixel before the kernel; null for 1.</summary>
    public float[]? Before => _before;

    /// <summary>The factors of every pixel after it.</summary>
    public float[] After => _after;

    /// <summary>Filters <see cref="Rows"/>; y is not x.</summary>
    public void Apply(float[] x, float[] y, int stride)
    {
        // Kernels keep their scratch memory, and images of one size share one.
        lock (_kernel)
        {
            _kernel.Apply(x, y, stride, _before, _after, transposed: false);
        }
    }

    /// <summary>Applies the transpose: what a gradient of <see cref="Apply"/>'s result goes through.</summary>
    public void ApplyTransposed(float[] x, float[] y, int stride)
    {
        lock (_kernel)
        {
            _kernel.Apply(x, y, stride, _after, _before, transposed: true);
        }
    }
}
