using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>Kernels between pixels as whole matrices, and mean field with them, in double precision from the definitions.</summary>
internal static class CrfReference
{
    /// <summary>The Gaussian kernel, every pixel with every pixel.</summary>
    public static double[,] Exact(PixelFeatures features) => From(features.Points, (i, j) =>
    {
        double square = 0;
        for (int a = 0; a < features.Dimensions; a++)
        {
            double distance = ((double)features.Values[a][i] - features.Values[a][j]) / features.Deviations[a];
            square += distance * distance;
        }

        return Math.Exp(-square / 2);
    });

    /// <summary>What the permutohedral lattice makes of it.</summary>
    public static double[,] Lattice(PixelFeatures features)
    {
        double[][] columns = [.. Enumerable.Range(0, features.Points).Select(j => Lattice(features, i => i == j ? 1 : 0))];
        return From(features.Points, (i, j) => columns[j][i]);
    }

    /// <summary>Splat, blur along every axis in turn, slice, with a dictionary for the lattice.</summary>
    public static double[] Lattice(PixelFeatures features, Func<int, double> x)
    {
        var embedding = new LatticeEmbedding(features);
        int corners = embedding.Corners;
        byte[] axes = new byte[corners];
        float[] weights = new float[corners];
        var values = new Dictionary<UInt128, double>();
        for (int i = 0; i < features.Points; i++)
        {
            ForCorners(i, (key, weight) => values[key] = values.GetValueOrDefault(key) + (weight * x(i)));
        }

        for (int axis = 0; axis < corners; axis++)
        {
            int along = axis;
            Dictionary<UInt128, double> old = values;
            values = old.Keys.ToDictionary(key => key, key => old[key]
                + (0.5 * (old.GetValueOrDefault(embedding.Step(key, along)) + old.GetValueOrDefault(embedding.StepBack(key, along)))));
        }

        double[] y = new double[features.Points];
        for (int i = 0; i < y.Length; i++)
        {
            ForCorners(i, (key, weight) => y[i] += weight * values[key] / (1 + Math.Pow(2, -features.Dimensions)));
        }

        return y;

        void ForCorners(int point, Action<UInt128, double> visit)
        {
            UInt128 key = embedding.Place(point, axes, weights);
            for (int r = 0; r < corners; r++)
            {
                visit(key, weights[r]);
                key = embedding.Step(key, axes[r]);
            }
        }
    }

    public static double[,] Normalize(double[,] kernel, CrfNormalization normalization)
    {
        int points = kernel.GetLength(0);
        double[] response = [.. Enumerable.Range(0, points).Select(i => Enumerable.Range(0, points).Sum(j => kernel[i, j]))];
        return From(points, (i, j) => normalization == CrfNormalization.Symmetric
            ? kernel[i, j] / Math.Sqrt(response[i] * response[j])
            : kernel[i, j] / response[i]);
    }

    /// <summary>What a dense CRF makes of a network's probabilities: pixel after pixel, class after class.</summary>
    public static double[] Refine(RgbImage image, ProbabilityMap map, DenseCrfConfig config, double[,] mu)
    {
        double[][,] weights = [Diagonal(map.Classes, config.SpatialWeight), Diagonal(map.Classes, config.BilateralWeight)];
        return Flat(Softmax(MeanField(Unary(map), Kernels(image, config), weights, mu, config.Iterations)));
    }

    /// <summary>The scores log p, with the default floor.</summary>
    public static double[,] Unary(ProbabilityMap map)
    {
        double[,] unary = new double[map.Width * map.Height, map.Classes];
        for (int i = 0; i < map.Values.Length; i++)
        {
            unary[i / map.Classes, i % map.Classes] = Math.Log(Math.Max(map.Values[i], 1e-5));
        }

        return unary;
    }

    /// <summary>The kernel of position and that of position and colour, normalised.</summary>
    public static double[][,] Kernels(RgbImage image, DenseCrfConfig config)
    {
        PixelFeatures[] features = [TestScene.Spatial(image, config.SpatialSigma), TestScene.Bilateral(image, config.BilateralSigma, config.ColorSigma)];
        return [.. features.Select(f => Normalize(config.Kernel == CrfKernel.Exact ? Exact(f) : Lattice(f), config.Normalization))];
    }

    /// <summary>The scores after mean field: <c>u − Σ_k μ·(W_k·(K_k·q))</c> again and again.</summary>
    /// <param name="unary">[pixel, class].</param>
    /// <param name="kernels">Normalised.</param>
    /// <param name="weights">W of each kernel, [C, C].</param>
    /// <param name="mu">[C, C].</param>
    /// <param name="iterations">How often.</param>
    public static double[,] MeanField(double[,] unary, double[][,] kernels, double[][,] weights, double[,] mu, int iterations)
    {
        double[,] scores = (double[,])unary.Clone();
        for (int t = 0; t < iterations; t++)
        {
            double[,] q = Softmax(scores);
            scores = (double[,])unary.Clone();
            for (int k = 0; k < kernels.Length; k++)
            {
                double[,] message = Multiply(Multiply(kernels[k], q), Transpose(Multiply(mu, weights[k])));
                for (int i = 0; i < unary.GetLength(0); i++)
                {
                    for (int c = 0; c < unary.GetLength(1); c++)
                    {
                        scores[i, c] -= message[i, c];
                    }
                }
            }
        }

        return scores;
    }

    public static double[,] Softmax(double[,] scores)
    {
        double[,] q = new double[scores.GetLength(0), scores.GetLength(1)];
        for (int i = 0; i < q.GetLength(0); i++)
        {
            double max = Enumerable.Range(0, q.GetLength(1)).Max(c => scores[i, c]);
            double sum = Enumerable.Range(0, q.GetLength(1)).Sum(c => Math.Exp(scores[i, c] - max));
            for (int c = 0; c < q.GetLength(1); c++)
            {
                q[i, c] = Math.Exp(scores[i, c] - max) / sum;
            }
        }

        return q;
    }

    public static double[,] Diagonal(int classes, double value) => Diagonal([.. Enumerable.Repeat(value, classes)]);

    public static double[,] Diagonal(double[] values)
    {
        double[,] matrix = new double[values.Length, values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            matrix[i, i] = values[i];
        }

        return matrix;
    }

    /// <summary>Potts: 1 between different classes.</summary>
    public static double[,] Potts(int classes) => From(classes, (l, m) => l == m ? 0 : 1);

    public static double[,] From(int size, Func<int, int, double> element)
    {
        double[,] matrix = new double[size, size];
        for (int i = 0; i < size; i++)
        {
            for (int j = 0; j < size; j++)
            {
                matrix[i, j] = element(i, j);
            }
        }

        return matrix;
    }

    public static double[,] Multiply(double[,] a, double[,] b)
    {
        double[,] product = new double[a.GetLength(0), b.GetLength(1)];
        for (int i = 0; i < a.GetLength(0); i++)
        {
            for (int k = 0; k < b.GetLength(0); k++)
            {
                for (int j = 0; j < b.GetLength(1); j++)
                {
                    product[i, j] += a[i, k] * b[k, j];
                }
            }
        }

        return product;
    }

    /// <summary>All numbers, row by row.</summary>
    public static double[] Flat(double[,] matrix) => [.. matrix.Cast<double>()];

    private static double[,] Transpose(double[,] matrix) => From(matrix.GetLength(0), (i, j) => matrix[j, i]);
}
