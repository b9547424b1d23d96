namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// Mean-field inference in a fully connected CRF (Krähenbühl and Koltun 2011): <c>q = softmax(s)</c>, then again and again
/// <c>s = u + Σ_k A_k · filter_k(q)</c>, where u are the scores without the CRF, the negated unary energies. All pixels are updated at once.
/// </summary>
internal sealed class MeanField(int points, int classes, IReadOnlyList<GaussianFilter> filters, IReadOnlyList<Coupling> couplings, Pieces pieces)
{
    private readonly int _stride = Rows.Stride(classes);

    /// <summary>The scores after some iterations, before the last softmax.</summary>
    /// <param name="unary">u, as <see cref="Rows"/>.</param>
    /// <param name="iterations">0 or more; with 0 the scores are u.</param>
    /// <param name="history">Receives q of every iteration, which <see cref="Backward"/> needs; null where nobody does.</param>
    public float[] Scores(float[] unary, int iterations, List<float[]>? history = null)
    {
        float[] scores = (float[])unary.Clone();
        float[] filtered = new float[unary.Length];
        float[] probabilities = new float[unary.Length];
        for (int t = 0; t < iterations; t++)
        {
            if (t > 0 && history is not null)
            {
                probabilities = new float[unary.Length];
            }

            RowSoftmax.Forward(scores, probabilities, points, classes, pieces);
            history?.Add(probabilities);
            unary.CopyTo(scores, 0);
            for (int k = 0; k < filters.Count; k++)
            {
                filters[k].Apply(probabilities, filtered, _stride);
                couplings[k].Add(filtered, scores, points, pieces);
            }
        }

        return scores;
    }

    /// <summary>The probabilities after some iterations.</summary>
    public float[] Probabilities(float[] unary, int iterations)
    {
        float[] scores = Scores(unary, iterations);
        RowSoftmax.Forward(scores, scores, points, classes, pieces);
        return scores;
    }

    /// <summary>
    /// The gradients behind <see cref="Scores"/>. Filtered probabilities are computed anew, which costs one filter pass an iteration and
    /// kernel, and not a row of memory.
    /// </summary>
    /// <param name="history">What <see cref="Scores"/> noted.</param>
    /// <param name="gradient">Of the scores; overwritten.</param>
    /// <returns>The gradient of u, and that of every A as C×C numbers, row by row.</returns>
    public (float[] Unary, double[][] Couplings) Backward(List<float[]> history, float[] gradient)
    {
        float[] unary = (float[])gradient.Clone();
        float[] filtered = new float[gradient.Length];
        float[] spread = new float[gradient.Length];
        double[][] matrices = [.. couplings.Select(_ => new double[classes * classes])];
        Coupling[] transposed = [.. couplings.Select(coupling => coupling.Transpose())];
        for (int t = history.Count - 1; t >= 0; t--)
        {
            float[] next = new float[gradient.Length];
            for (int k = 0; k < filters.Count; k++)
            {
                filters[k].Apply(history[t], filtered, _stride);
                AddProducts(gradient, filtered, matrices[k]);
                Array.Clear(filtered);
                transposed[k].Add(gradient, filtered, points, pieces);
                filters[k].ApplyTransposed(filtered, spread, _stride);
                Accumulate(spread, next);
            }

            RowSoftmax.Backward(history[t], next, points, classes, pieces);
            Accumulate(next, unary);
            gradient = next;
        }

        return (unary, matrices);
    }

    /// <summary><c>matrix(l, m) += Σ_i g(i, l) · f(i, m)</c>: float32 within a piece, double precision over the pieces in their order.</summary>
    private void AddProducts(float[] g, float[] f, double[] matrix)
    {
        var partial = new float[(points + Rows.Grain - 1) / Rows.Grain][];
        pieces.For(points, Rows.Grain, (begin, end) =>
        {
            float[] sums = new float[classes * _stride];
            for (int i = begin; i < end; i++)
            {
                for (int l = 0; l < classes; l++)
                {
                    Rows.AddScaled(g[(i * _stride) + l], f, i * _stride, sums, l * _stride, _stride);
                }
            }

            partial[begin / Rows.Grain] = sums;
        });
        foreach (float[] sums in partial)
        {
            for (int l = 0; l < classes; l++)
            {
                for (int m = 0; m < classes; m++)
                {
                    matrix[(l * classes) + m] += sums[(l * _stride) + m];
                }
            }
        }
    }

    private void Accumulate(float[] source, float[] target) => pieces.For(
        points, Rows.Grain, (begin, end) => Rows.AddScaled(1, source, begin * _stride, target, begin * _stride, (end - begin) * _stride));
}
