using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Crf;

public class DenseCrfTests
{
    private const int Width = 14;
    private const int Height = 11;

    private static readonly RgbImage Small = TestScene.Image(Width, Height);

    [Test]
    public void EqualsABruteForceMeanField(
        [Values] CrfKernel kernel, [Values] CrfNormalization normalization, [Values(1, 2, 5, 9, 21)] int classes, [Values] bool learned)
    {
        double[,] mu = learned
            ? CrfReference.From(classes, (l, m) => l == m ? -0.2 * l / classes : 1 + (0.3 * Math.Sin(l + (2 * m))))
            : CrfReference.Potts(classes);
        var config = new DenseCrfConfig
        {
            Kernel = kernel,
            Normalization = normalization,
            BilateralSigma = 20,
            ColorSigma = 12,
            SpatialSigma = 1.5,
            Compatibility = learned ? CrfReference.Flat(mu) : null,
        };
        ProbabilityMap map = TestScene.Probabilities(Width, Height, classes);
        ProbabilityMap refined = new DenseCrf(config, threads: 2).Refine(Small, map);
        Assert.That(OperatorCheck.RelativeError(refined.Values, CrfReference.Refine(Small, map, config, mu)), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void TheFreeEnergyFalls([Values] CrfNormalization normalization)
    {
        // With a positive semidefinite kernel that contains the pixel itself each step minimises an upper bound of the energy; the exact
        // symmetric kernel is one. Dividing by the response alone breaks the symmetry that the proof needs, so the end is compared there.
        var config = new DenseCrfConfig { Kernel = CrfKernel.Exact, Normalization = normalization, BilateralSigma = 20, ColorSigma = 12 };
        ProbabilityMap map = TestScene.Probabilities(Width, Height, 4);
        double[] energies =
        [
            .. Enumerable.Range(0, 11).Select(iterations =>
                FreeEnergy(new DenseCrf(config with { Iterations = iterations }).Refine(Small, map), CrfReference.Unary(map), config)),
        ];
        Assert.That(energies, Is.All.Matches<double>(double.IsFinite));
        Assert.That(energies[^1], Is.LessThan(energies[0]));
        for (int t = 1; t < energies.Length && normalization == CrfNormalization.Symmetric; t++)
        {
            Assert.That(energies[t], Is.LessThanOrEqualTo(energies[t - 1] + (1e-5 * Math.Abs(energies[t - 1]))), $"iteration {t}");
        }
    }

    [Test]
    public void ProbabilitiesOfZeroAndTheLeastFloorGiveProbabilities([Values(1e-300, double.Epsilon, 1e-5)] double floor, [Values] CrfKernel kernel)
    {
        var map = new ProbabilityMap(Width, Height, 3, new float[Width * Height * 3]);
        map.Values[0] = 1;
        float[] refined = new DenseCrf(new DenseCrfConfig { Kernel = kernel, ProbabilityFloor = floor }).Refine(Small, map).Values;
        for (int i = 0; i < refined.Length; i += 3)
        {
            Assert.That(refined[i] + refined[i + 1] + refined[i + 2], Is.EqualTo(1).Within(1e-5), $"pixel {i / 3}");
        }
    }

    [Test]
    public void FindsTheObject()
    {
        const int Side = 120;
        RgbImage image = TestScene.Image(Side, Side);
        ProbabilityMap map = TestScene.Probabilities(Side, Side, 6);
        int before = Mistakes(map.ArgMax());
        int after = Mistakes(new DenseCrf(DenseCrfConfig.DeepLab).Refine(image, map).ArgMax());
        Assert.That(before, Is.GreaterThan(Side * Side / 5));
        Assert.That(after, Is.LessThan(before / 20));

        int Mistakes(IndexMask mask) => mask.Indices.Zip(TestScene.Truth(Side, Side).Indices, (a, b) => a == b ? 0 : 1).Sum();
    }

    [Test]
    public void EveryThreadCountGivesTheSameBits([Values] CrfKernel kernel)
    {
        (int width, int height) = kernel == CrfKernel.Lattice ? (203, 131) : (53, 41);
        RgbImage image = TestScene.Image(width, height);
        ProbabilityMap map = TestScene.Probabilities(width, height, 5);
        DenseCrfConfig config = DenseCrfConfig.DenseCrfDemo with { Kernel = kernel };
        float[] one = new DenseCrf(config, 1).Refine(image, map).Values;
        Assert.That(new DenseCrf(config, 1).Refine(image, map).Values, Is.EqualTo(one));
        Assert.That(new DenseCrf(config, 2).Refine(image, map).Values, Is.EqualTo(one));
        Assert.That(new DenseCrf(config, 7).Refine(image, map).Values, Is.EqualTo(one));
    }

    [Test]
    public void WhereNothingDiffersNothingChanges([Values(1, 2, 7)] int classes)
    {
        var image = new RgbImage(17, 6);
        float[] pixel = [.. Enumerable.Range(1, classes).Select(c => 2f * c / (classes * (classes + 1)))];
        var map = new ProbabilityMap(17, 6, classes, [.. Enumerable.Range(0, 17 * 6).SelectMany(_ => pixel)]);
        ProbabilityMap refined = new DenseCrf(DenseCrfConfig.DeepLab).Refine(image, map);
        Assert.That(refined.ArgMax().Indices, Is.All.EqualTo(classes - 1));
        AssertDistributions(refined);
    }

    [Test]
    public void OnePixelIsEnough([Values] CrfKernel kernel)
    {
        ProbabilityMap refined = new DenseCrf(new DenseCrfConfig { Kernel = kernel }).Refine(new RgbImage(1, 1), new ProbabilityMap(1, 1, 3, [0.2f, 0.5f, 0.3f]));
        Assert.That(refined.ArgMax().Indices, Is.EqualTo(new byte[] { 1 }));
        AssertDistributions(refined);
    }

    [Test]
    public void WithoutIterationsOrWeightsProbabilitiesStay([Values(0, 10)] int iterations)
    {
        ProbabilityMap map = TestScene.Probabilities(Width, Height, 3);
        var config = new DenseCrfConfig { Iterations = iterations, BilateralWeight = iterations == 0 ? 4 : 0, SpatialWeight = iterations == 0 ? 3 : 0 };
        Assert.That(OperatorCheck.RelativeError(new DenseCrf(config).Refine(Small, map).Values, Array.ConvertAll(map.Values, v => (double)v)), Is.LessThan(1e-6));
    }

    [Test]
    public void ExtremeParametersGiveProbabilities(
        [Values(0.1, 1e5)] double sigma, [Values(0.1, 1e5)] double colorSigma, [Values(0, 1e4)] double weight, [Values] CrfNormalization normalization)
    {
        var config = new DenseCrfConfig
        {
            SpatialSigma = sigma,
            BilateralSigma = sigma,
            ColorSigma = colorSigma,
            SpatialWeight = weight,
            BilateralWeight = 1e4,
            Normalization = normalization,
        };
        AssertDistributions(new DenseCrf(config).Refine(Small, TestScene.Probabilities(Width, Height, 3)));
    }

    [Test]
    public void ALongThinImageAtTheFinestDeviationsFits()
    {
        DenseCrfConfig finest = DenseCrfConfig.DeepLab with { BilateralSigma = 0.1, ColorSigma = 0.1, SpatialSigma = 0.1, Iterations = 1 };
        var image = new RgbImage(65535, 1);
        Array.Fill(image.Pixels, (byte)255);
        AssertDistributions(new DenseCrf(finest).Refine(image, new ProbabilityMap(65535, 1, 2, [.. Enumerable.Repeat(0.5f, 2 * 65535)])));
    }

    [Test]
    public void ZerosAreProbabilitiesAndRuleNothingOut()
    {
        // One pixel is sure of the wrong class among 400 that are sure of the other.
        float[] values = [.. Enumerable.Range(0, 400).SelectMany(i => i == 210 ? new float[] { 0, 1 } : [1, 0])];
        DenseCrfConfig config = DenseCrfConfig.DeepLab with { BilateralWeight = 10 };
        ProbabilityMap refined = new DenseCrf(config).Refine(new RgbImage(20, 20), new ProbabilityMap(20, 20, 2, values));
        AssertDistributions(refined);
        Assert.That(refined.ArgMax().Indices, Is.All.Zero);
    }

    [TestCase(float.NaN)]
    [TestCase(-0.01f)]
    [TestCase(1.1f)]
    [TestCase(float.PositiveInfinity)]
    public void WhatIsNoProbabilityIsNamedWithItsPlace(float value)
    {
        ProbabilityMap map = TestScene.Probabilities(Width, Height, 3);
        map.Values[(((4 * Width) + 6) * 3) + 2] = value;
        Assert.That(
            () => new DenseCrf(DenseCrfConfig.DeepLab).Refine(Small, map),
            Throws.ArgumentException.With.Message.Contains("class 2 at x 6, y 4").And.Message.Contains("from 0 to 1"));
    }

    [Test]
    public void WhatDoesNotFitIsRefused()
    {
        ProbabilityMap map = TestScene.Probabilities(Height, Width, 3);
        Assert.Multiple(() =>
        {
            Assert.That(() => new DenseCrf(DenseCrfConfig.DeepLab).Refine(Small, map), Throws.ArgumentException.With.Message.Contains("11×14").And.Message.Contains("14×11"));
            Assert.That(
                () => new DenseCrf(new DenseCrfConfig { Compatibility = [1, 2, 3, 4] }).Refine(Small, TestScene.Probabilities(Width, Height, 3)),
                Throws.ArgumentException.With.Message.Contains("9 numbers").And.Message.Contains("has 4"));
            Assert.That(() => new ProbabilityMap(2, 2, 3, new float[11]), Throws.ArgumentException.With.Message.Contains("12 values").And.Message.Contains("11"));
            Assert.That(() => new ProbabilityMap(65535, 65535, 256, new float[4]), Throws.ArgumentException, "the number of values does not overflow");
            Assert.That(() => Rows.Allocate(int.MaxValue, 8), Throws.ArgumentException.With.Message.Contains("Scale the image down"));
        });
    }

    [Test]
    public void StopsWhenAsked()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.That(
            () => new DenseCrf(DenseCrfConfig.DeepLab).Refine(Small, TestScene.Probabilities(Width, Height, 3), stop.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private static void AssertDistributions(ProbabilityMap map)
    {
        for (int i = 0; i < map.Width * map.Height; i++)
        {
            ReadOnlySpan<float> pixel = map.Values.AsSpan(i * map.Classes, map.Classes);
            float sum = 0;
            foreach (float value in pixel)
            {
                sum += value >= 0 ? value : float.NaN;
            }

            Assert.That(sum, Is.EqualTo(1f).Within(1e-5), $"pixel {i}");
        }
    }

    /// <summary><c>Σ q·log q − Σ q·u − ½ Σ_k w_k qᵀK_k q</c>: with Potts, up to a constant.</summary>
    private static double FreeEnergy(ProbabilityMap map, double[,] unary, DenseCrfConfig config)
    {
        double[,] q = new double[map.Width * map.Height, map.Classes];
        double energy = 0;
        for (int i = 0; i < map.Values.Length; i++)
        {
            double value = map.Values[i];
            q[i / map.Classes, i % map.Classes] = value;
            energy += value * ((value > 0 ? Math.Log(value) : 0) - unary[i / map.Classes, i % map.Classes]);
        }

        double[] weights = [config.SpatialWeight, config.BilateralWeight];
        return energy - CrfReference.Kernels(Small, config).Zip(weights, (kernel, weight) =>
            weight / 2 * CrfReference.Flat(CrfReference.Multiply(kernel, q)).Zip(CrfReference.Flat(q), (a, b) => a * b).Sum()).Sum();
    }
}
