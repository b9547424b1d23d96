using System.Runtime.Intrinsics;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>The Gaussian kernel by its definition, every pixel with every pixel: for small images, and to judge the lattice by.</summary>
internal sealed class ExactKernel : IPixelKernel
{
    /// <summary>256×256 pixels take about as many exponentials as a lattice takes operations for a thousand times the area.</summary>
    public const int MostPoints = 1 << 16;

    private const int PointGrain = 8;

    // Sums are taken over so many pixels at a time, and the blocks' sums are added: rounding errors stay below 1e-5.
    private const int Block = 256;

    private readonly Pieces _pieces;
    private readonly float[][] _features;
    private readonly float[] _factors;

    /// <exception cref="ArgumentException">There are more than <see cref="MostPoints"/> pixels, or a feature is not finite.</exception>
    public ExactKernel(PixelFeatures features, Pieces pieces)
    {
        _pieces = pieces;
        Points = features.Points;
        if (Points > MostPoints)
        {
            throw new ArgumentException($"The exact kernel compares every pixel with every other and takes at most {MostPoints} pixels; these were {Points}. Use the lattice.");
        }

        foreach (float[] values in features.Values)
        {
            int pixel = Array.FindIndex(values, value => !float.IsFinite(value));
            if (pixel >= 0)
            {
                throw new ArgumentException($"A feature of pixel {pixel} is not finite.");
            }
        }

        _factors = [.. features.Deviations.Select(sigma => (float)(1 / sigma))];
        _features = [.. features.Values.Select(values => (float[])[.. values, .. new float[(Block - (Points % Block)) % Block]])];
    }

    public int Points { get; }

    // The kernel is symmetric.
    public void Apply(float[] x, float[] y, int stride, float[]? before, float[]? after, bool transposed) => _pieces.For(Points, PointGrain, (begin, end) =>
    {
        Span<float> kernel = stackalloc float[Block];
        Span<float> sum = stackalloc float[stride];
        for (int i = begin; i < end; i++)
        {
            sum.Clear();
            for (int start = 0; start < Points; start += Block)
            {
                int count = Math.Min(Block, Points - start);
                Row(i, start, kernel);
                for (int j = 0; j < count && before is not null; j++)
                {
                    kernel[j] *= before[start + j];
                }

                for (int c = 0; c < stride; c += Rows.Lanes)
                {
                    Vector256<float> block = Vector256<float>.Zero;
                    for (int j = 0; j < count; j++)
                    {
                        block = Vector256.FusedMultiplyAdd(Vector256.Create(kernel[j]), Vector256.LoadUnsafe(ref x[((start + j) * stride) + c]), block);
                    }

                    (Vector256.LoadUnsafe(ref sum[c]) + block).StoreUnsafe(ref sum[c]);
                }
            }

            float factor = after is null ? 1 : after[i];
            for (int c = 0; c < stride; c++)
            {
                y[(i * stride) + c] = factor * sum[c];
            }
        }
    });

    /// <summary>The kernel between a pixel and the block of pixels from <paramref name="start"/>.</summary>
    private void Row(int point, int start, Span<float> kernel)
    {
        for (int j = 0; j < Block; j += Rows.Lanes)
        {
            Vector256<float> square = Vector256<float>.Zero;
            for (int a = 0; a < _features.Length; a++)
            {
                float[] values = _features[a];
                Vector256<float> distance = (Vector256.Create(values[point]) - Vector256.LoadUnsafe(ref values[start + j])) * Vector256.Create(_factors[a]);
                square = Vector256.FusedMultiplyAdd(distance, distance, square);
            }

            Vector256.Exp(square * Vector256.Create(-0.5f)).StoreUnsafe(ref kernel[j]);
        }
    }
}
