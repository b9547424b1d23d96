using DilatedKernels.Segmentation.Crf;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>The lattice by its definition: these properties leave a point no other simplex and no other weights.</summary>
public class LatticeEmbeddingTests
{
    [Test]
    public void EveryPointIsTheWeightedMeanOfItsSimplexsCorners([Values(1, 2, 3, 5)] int dimensions, [Values(0.3, 1, 40)] double scale)
    {
        PixelFeatures features = Random(dimensions, 40, scale);
        var embedding = new LatticeEmbedding(features);
        double[][] points = [.. Enumerable.Range(0, features.Points).Select(i => Reconstruct(embedding, i))];
        for (int i = 0; i < points.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                // The embedding turns and stretches, and nothing else.
                double stretch = Math.Sqrt(2.0 / 3) * (dimensions + 1);
                Assert.That(Distance(points[i], points[j]), Is.EqualTo(stretch * FeatureDistance(features, i, j)).Within(1e-5 * scale * (dimensions + 1)));
            }
        }
    }

    [Test]
    public void StepsAlongAllAxesLeadBack([Values(2, 5)] int dimensions)
    {
        var embedding = new LatticeEmbedding(Random(dimensions, 1, 1));
        UInt128 start = embedding.Place(0, new byte[dimensions + 1], new float[dimensions + 1]);
        UInt128 key = start;
        for (int axis = 0; axis <= dimensions; axis++)
        {
            UInt128 next = embedding.Step(key, axis);
            Assert.That(embedding.StepBack(next, axis), Is.EqualTo(key));
            key = next;
        }

        Assert.That(key, Is.EqualTo(start), "the axes' directions sum to zero");
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(1e30f)]
    public void AFeatureThatFitsNoLatticeIsNamed(float value)
    {
        var features = new PixelFeatures([[0f, value], [0f, 0f]], [1, 1]);
        Assert.That(
            () => new LatticeEmbedding(features).Place(1, new byte[3], new float[3]),
            Throws.ArgumentException.With.Message.Contains("pixel 1"));
    }

    // Undoes the packing: the first corner's coordinates, then a step for each of the others.
    private static double[] Reconstruct(LatticeEmbedding embedding, int point)
    {
        int corners = embedding.Corners;
        byte[] axes = new byte[corners];
        float[] weights = new float[corners];
        UInt128 key = embedding.Place(point, axes, weights);
        Assert.That(weights, Is.All.InRange(-1e-6f, 1 + 1e-6f));
        Assert.That(weights.Sum(), Is.EqualTo(1f).Within(1e-5));
        Assert.That(axes.Take(corners - 1), Is.Unique.And.All.LessThan(corners));
        double[] mean = new double[corners];
        for (int r = 0; r < corners; r++)
        {
            long[] corner = Unpack(key, corners - 1);
            Assert.That(corner.Select(z => ((z % corners) + corners) % corners), Is.All.EqualTo(r), "all coordinates leave the corner's remainder");
            for (int i = 0; i < corners; i++)
            {
                mean[i] += weights[r] * (double)corner[i];
            }

            key = embedding.Step(key, axes[r]);
        }

        return mean;
    }

    private static long[] Unpack(UInt128 key, int dimensions)
    {
        int bits = Math.Min(32, 128 / dimensions);
        long[] coordinates = new long[dimensions + 1];
        for (int a = 0; a < dimensions; a++)
        {
            coordinates[a] = (long)((key >> (a * bits)) & ((UInt128.One << bits) - 1)) - (1L << (bits - 1));
        }

        coordinates[dimensions] = -coordinates.Sum();
        return coordinates;
    }

    private static PixelFeatures Random(int dimensions, int points, double scale)
    {
        var random = new RandomSequence(2, "features");
        return new PixelFeatures(
            [.. Enumerable.Range(0, dimensions).Select(_ => Enumerable.Range(0, points).Select(_ => (float)(scale * random.NextGaussian())).ToArray())],
            [.. Enumerable.Range(0, dimensions).Select(a => 1 + (0.5 * a))]);
    }

    private static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum());

    private static double FeatureDistance(PixelFeatures features, int i, int j) => Distance(
        [.. features.Values.Select((values, a) => values[i] / features.Deviations[a])],
        [.. features.Values.Select((values, a) => values[j] / features.Deviations[a])]);
}
