using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>Both kernels against matrices in double precision.</summary>
public class PixelKernelTests
{
    private const int Stride = 8;

    private static readonly RgbImage Small = TestScene.Image(13, 9);

    private static IEnumerable<TestCaseData> Features()
    {
        yield return new TestCaseData(TestScene.Spatial(Small, 3)).SetArgDisplayNames("spatial 3");
        yield return new TestCaseData(TestScene.Spatial(Small, 0.1)).SetArgDisplayNames("spatial 0.1");
        yield return new TestCaseData(TestScene.Spatial(Small, 1e5)).SetArgDisplayNames("spatial 1e5");
        yield return new TestCaseData(TestScene.Bilateral(Small, 49, 5)).SetArgDisplayNames("bilateral 49 5");
        yield return new TestCaseData(TestScene.Bilateral(Small, 80, 13)).SetArgDisplayNames("bilateral 80 13");
        yield return new TestCaseData(TestScene.Bilateral(Small, 2, 60)).SetArgDisplayNames("bilateral 2 60");
        yield return new TestCaseData(TestScene.Bilateral(Small, 0.1, 0.1)).SetArgDisplayNames("bilateral 0.1 0.1");
    }

    [TestCaseSource(nameof(Features))]
    public void TheLatticeComputesWhatItIsDefinedTo(object features) =>
        AssertEqual(new PermutohedralLattice((PixelFeatures)features, new Pieces(2)), CrfReference.Lattice((PixelFeatures)features));

    [TestCaseSource(nameof(Features))]
    public void TheExactKernelIsTheGaussian(object features) =>
        AssertEqual(new ExactKernel((PixelFeatures)features, new Pieces(2)), CrfReference.Exact((PixelFeatures)features));

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void AColourThatIsNotFiniteIsRefused(float color)
    {
        PixelFeatures features = PixelFeatures.Bilateral(4, 3, pixel => (1, 2, pixel == 7 ? color : 3), 5, 5);
        Assert.That(() => new ExactKernel(features, new Pieces(1)), Throws.ArgumentException.With.Message.Contains("pixel 7 is not finite"));
        Assert.That(() => new PermutohedralLattice(features, new Pieces(1)), Throws.ArgumentException.With.Message.Contains("pixel 7 is not finite"));
    }

    [TestCaseSource(nameof(Features))]
    public void ALatticeHasAtMostDPlusOnePointsAPixel(object features)
    {
        var given = (PixelFeatures)features;
        Assert.That(new PermutohedralLattice(given, new Pieces(1)).Vertices, Is.InRange(given.Dimensions + 1, given.Points * (given.Dimensions + 1)));
    }

    [TestCase(0, 3)]
    [TestCase(0, 1)]
    [TestCase(5, 49)]
    [TestCase(13, 80)]
    [TestCase(3, 30)]
    public void TheLatticeIsAsCloseToTheGaussianAsItStates(double colorSigma, double sigma)
    {
        RgbImage image = TestScene.Image(96, 72);
        PixelFeatures features = colorSigma == 0 ? TestScene.Spatial(image, sigma) : TestScene.Bilateral(image, sigma, colorSigma);
        var exact = new GaussianFilter(new ExactKernel(features, new Pieces(2)), CrfNormalization.Response);
        var lattice = new GaussianFilter(new PermutohedralLattice(features, new Pieces(2)), CrfNormalization.Response);
        float[] x = Rows.Pad(TestScene.Probabilities(96, 72, 4).Values, features.Points, 4);
        float[] expected = new float[x.Length];
        float[] y = new float[x.Length];
        exact.Apply(x, expected, Stride);
        lattice.Apply(x, y, Stride);
        double error = OperatorCheck.RelativeError(y, Array.ConvertAll(expected, value => (double)value));
        TestContext.Out.WriteLine($"relative error {error:E2}");
        Assert.That(error, Is.LessThan(colorSigma == 0 ? 0.02 : 0.05));
    }

    [Test]
    public void EveryThreadCountGivesTheSameBits()
    {
        RgbImage image = TestScene.Image(151, 97);
        float[] x = Rows.Pad(TestScene.Probabilities(151, 97, 37).Values, 151 * 97, 37);
        float[] one = Filter(1);
        Assert.That(Filter(2), Is.EqualTo(one));
        Assert.That(Filter(5), Is.EqualTo(one));

        float[] Filter(int threads)
        {
            var filter = new GaussianFilter(new PermutohedralLattice(TestScene.Bilateral(image, 40, 8), new Pieces(threads)), CrfNormalization.Symmetric);
            float[] forward = new float[x.Length];
            float[] transposed = new float[x.Length];
            filter.Apply(x, forward, Rows.Stride(37));
            filter.ApplyTransposed(x, transposed, Rows.Stride(37));
            return [.. forward, .. transposed];
        }
    }

    [Test]
    public void LongSumsStayExact()
    {
        // A lattice point collects from every pixel here.
        PixelFeatures features = PixelFeatures.Spatial(400, 300, 1e5);
        float[] ones = new float[features.Points * Stride];
        Array.Fill(ones, 1f);
        float[] y = new float[ones.Length];
        new PermutohedralLattice(features, new Pieces(2)).Apply(ones, y, Stride, null, null, transposed: false);
        Assert.That(OperatorCheck.RelativeError([.. y.Where((_, i) => i % Stride == 0)], CrfReference.Lattice(features, _ => 1)), Is.LessThan(1e-6));
    }

    [Test]
    public void TooManyPixelsForTheExactKernelAreRefused() => Assert.That(
        () => new ExactKernel(PixelFeatures.Spatial(257, 256, 3), new Pieces(1)), Throws.ArgumentException.With.Message.Contains("65792").And.Message.Contains("65536"));

    private static void AssertEqual(IPixelKernel kernel, double[,] expected)
    {
        int points = kernel.Points;
        double[] before = [.. Enumerable.Range(0, points).Select(i => 0.5 + (i % 3))];
        double[] after = [.. Enumerable.Range(0, points).Select(i => 1.5 - (i % 2))];
        double[] x = Array4.Random(new Shape(1, Stride, points, 1), "x").Values;
        foreach (bool transposed in (bool[])[false, true])
        {
            float[] y = new float[points * Stride];
            kernel.Apply(Array.ConvertAll(x, v => (float)v), y, Stride, Array.ConvertAll(before, v => (float)v), Array.ConvertAll(after, v => (float)v), transposed);
            double[] reference = new double[y.Length];
            for (int i = 0; i < points; i++)
            {
                for (int j = 0; j < points; j++)
                {
                    for (int c = 0; c < Stride; c++)
                    {
                        reference[(i * Stride) + c] += after[i] * (transposed ? expected[j, i] : expected[i, j]) * before[j] * x[(j * Stride) + c];
                    }
                }
            }

            Assert.That(OperatorCheck.RelativeError(y, reference), Is.LessThan(OperatorCheck.Tolerance), transposed ? "transposed" : "forward");
        }
    }
}
