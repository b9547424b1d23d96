using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>The CRF made of operators, on every device, against the definition and against the processor's own.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class DeviceCrfTests(Device device)
{
    [Test]
    public void EqualsABruteForceMeanField(
        [Values] CrfNormalization normalization, [Values(1, 2, 7, 11, 21, 33)] int classes, [Values] bool learned)
    {
        (RgbImage image, ProbabilityMap map) = Scene(13, 9, classes);
        DenseCrfConfig config = Config(normalization, classes, learned);
        double[,] mu = learned ? Learned(classes) : CrfReference.Potts(classes);
        Assert.That(OperatorCheck.RelativeError(Refine(image, map, config).Values, CrfReference.Refine(image, map, config, mu)), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void EqualsTheProcessors(
        [Values("1x1", "1x40", "37x1", "53x31")] string size, [Values] CrfNormalization normalization, [Values(1, 2, 7, 21)] int classes, [Values] bool learned)
    {
        int[] sides = [.. size.Split('x').Select(int.Parse)];
        (RgbImage image, ProbabilityMap map) = Scene(sides[0], sides[1], classes);
        DenseCrfConfig config = Config(normalization, classes, learned);
        AssertNear(Refine(image, map, config), new DenseCrf(config).Refine(image, map));
    }

    [Test]
    public void EqualsTheProcessorsWithTheReleasesParameters([Values("deeplab", "densecrf-demo", "crf-rnn")] string name)
    {
        // Large enough that a lattice point has more pixels than a run of a sum.
        (RgbImage image, ProbabilityMap map) = Scene(97, 71, 5);
        DenseCrfConfig config = DenseCrfConfig.Known[name] with { Iterations = 3 };
        AssertNear(Refine(image, map, config), new DenseCrf(config).Refine(image, map));
    }

    [Test]
    public void WithoutIterationsOrWeightsProbabilitiesStay([Values(0, 10)] int iterations)
    {
        (RgbImage image, ProbabilityMap map) = Scene(13, 9, 3);
        var config = new DenseCrfConfig { Iterations = iterations, BilateralWeight = iterations == 0 ? 4 : 0, SpatialWeight = iterations == 0 ? 3 : 0 };
        AssertNear(Refine(image, map, config), map, 1e-6);
    }

    [Test]
    public void OneKernelIsEnough([Values] bool spatial)
    {
        (RgbImage image, ProbabilityMap map) = Scene(13, 9, 3);
        var config = new DenseCrfConfig { BilateralWeight = spatial ? 0 : 4, SpatialWeight = spatial ? 3 : 0 };
        AssertNear(Refine(image, map, config), new DenseCrf(config).Refine(image, map));
    }

    [Test]
    public void TwiceGivesTheSameBitsAndNothingIsLeft()
    {
        (RgbImage image, ProbabilityMap map) = Scene(41, 29, 6);
        DenseCrfConfig config = Config(CrfNormalization.Symmetric, 6, learned: true);
        int before = device.Memory.LiveBuffers;
        float[] first = Refine(image, map, config).Values;
        Assert.That(Refine(image, map, config, threads: 1).Values, Is.EqualTo(first));
        Assert.That(device.Memory.LiveBuffers, Is.EqualTo(before));
    }

    [Test]
    public void FiltersThatAreKeptGiveTheSameBits()
    {
        (RgbImage image, ProbabilityMap map) = Scene(31, 23, 3);
        DenseCrfConfig config = DenseCrfConfig.DenseCrfDemo with { Iterations = 2 };
        int before = device.Memory.LiveBuffers;
        using (var crf = new DeviceCrf(device, image, map, config, threads: 0, CancellationToken.None))
        {
            foreach (DenseCrfConfig candidate in (DenseCrfConfig[])[config, config with { BilateralWeight = 2 }, config with { ColorSigma = 30 }, config with { SpatialSigma = 1 }, config])
            {
                Assert.That(crf.Refine(candidate).Values, Is.EqualTo(Refine(image, map, candidate).Values), candidate.ToString());
            }
        }

        Assert.That(device.Memory.LiveBuffers, Is.EqualTo(before));
    }

    [Test]
    public void AnOpenTapeIsLeftAlone()
    {
        (RgbImage image, ProbabilityMap map) = Scene(13, 9, 3);
        float[] alone = Refine(image, map, DenseCrfConfig.DeepLab).Values;
        int before = device.Memory.LiveBuffers;
        using Tape tape = Tape.Record();
        Assert.That(Refine(image, map, DenseCrfConfig.DeepLab).Values, Is.EqualTo(alone));
        Assert.That(device.Memory.LiveBuffers, Is.EqualTo(before));
    }

    [Test]
    public void TheDeviceThatWasGivenComputes()
    {
        (RgbImage image, ProbabilityMap map) = Scene(41, 29, 6);
        float[] values = new DenseCrf(DenseCrfConfig.DeepLab, device).Refine(image, map).Values;
        float[] processor = new DenseCrf(DenseCrfConfig.DeepLab).Refine(image, map).Values;
        Assert.That(values, Is.EqualTo(device.IsCpu ? processor : Refine(image, map, DenseCrfConfig.DeepLab).Values));
        Assert.That(values.AsSpan().SequenceEqual(processor), Is.EqualTo(device.IsCpu), "two ways to add, two roundings");
    }

    [Test]
    public void TheExactKernelIsTheProcessorsOnEveryDevice()
    {
        (RgbImage image, ProbabilityMap map) = Scene(13, 9, 3);
        DenseCrfConfig config = DenseCrfConfig.DeepLab with { Kernel = CrfKernel.Exact };
        Assert.That(new DenseCrf(config, device).Refine(image, map).Values, Is.EqualTo(new DenseCrf(config).Refine(image, map).Values));
    }

    [Test]
    public void ASearchScoresAsTheDeviceRefines()
    {
        (RgbImage image, ProbabilityMap map) = Scene(31, 23, 3);
        IndexMask truth = TestScene.Truth(31, 23);
        var grid = new CrfGrid(DenseCrfConfig.DenseCrfDemo with { Iterations = 2 }) { BilateralSigmas = [5, 30], SpatialWeights = [0, 2] };
        var search = new CrfSearch(grid, classes: 3, voidLabel: 255, device);
        int before = device.Memory.LiveBuffers;
        search.Add(image, truth, map);
        Assert.That(device.Memory.LiveBuffers, Is.EqualTo(before));
        foreach ((DenseCrfConfig config, ConfusionMatrix score) in search.Ranked)
        {
            byte[] alone = new DenseCrf(config, device).Refine(image, map).ArgMax().Indices;
            Assert.That(score[0, 0] + score[1, 1] + score[2, 2], Is.EqualTo(alone.Zip(truth.Indices, (a, b) => a == b ? 1L : 0).Sum()), config.ToString());
        }
    }

    [Test]
    public void StopsWhenAsked()
    {
        (RgbImage image, ProbabilityMap map) = Scene(13, 9, 3);
        int before = device.Memory.LiveBuffers;
        using var stop = new CancellationTokenSource();
        using (var crf = new DeviceCrf(device, image, map, DenseCrfConfig.DeepLab, threads: 1, stop.Token))
        {
            crf.Refine(DenseCrfConfig.DeepLab);
            stop.Cancel();
            Assert.That(() => crf.Refine(DenseCrfConfig.DeepLab), Throws.InstanceOf<OperationCanceledException>(), "between iterations");
            Assert.That(() => crf.Refine(DenseCrfConfig.DeepLab with { ColorSigma = 9 }), Throws.InstanceOf<OperationCanceledException>(), "within a lattice");
        }

        Assert.That(device.Memory.LiveBuffers, Is.EqualTo(before));
    }

    [Test]
    public void WhatDoesNotFitIsRefused()
    {
        (RgbImage image, ProbabilityMap map) = Scene(13, 9, 3);
        var crf = new DenseCrf(DenseCrfConfig.DeepLab with { Compatibility = [1, 2, 3, 4] }, device);
        Assert.That(() => crf.Refine(image, map), Throws.ArgumentException.With.Message.Contains("9 numbers").And.Message.Contains("has 4"));
        map.Values[(((4 * 13) + 6) * 3) + 2] = float.NaN;
        Assert.That(() => crf.Refine(image, map), Throws.ArgumentException.With.Message.Contains("class 2 at x 6, y 4"));
    }

    private static (RgbImage Image, ProbabilityMap Map) Scene(int width, int height, int classes) =>
        (TestScene.Image(width, height), TestScene.Probabilities(width, height, classes));

    private static DenseCrfConfig Config(CrfNormalization normalization, int classes, bool learned) => new()
    {
        Normalization = normalization,
        BilateralSigma = 20,
        ColorSigma = 12,
        SpatialSigma = 1.5,
        Compatibility = learned ? CrfReference.Flat(Learned(classes)) : null,
    };

    private static double[,] Learned(int classes) =>
        CrfReference.From(classes, (l, m) => l == m ? -0.2 * l / classes : 1 + (0.3 * Math.Sin(l + (2 * m))));

    private static void AssertNear(ProbabilityMap actual, ProbabilityMap expected, double tolerance = OperatorCheck.Tolerance) =>
        Assert.That(OperatorCheck.RelativeError(actual.Values, Array.ConvertAll(expected.Values, v => (double)v)), Is.LessThan(tolerance));

    private ProbabilityMap Refine(RgbImage image, ProbabilityMap map, DenseCrfConfig config, int threads = 0)
    {
        using var crf = new DeviceCrf(device, image, map, config, threads, CancellationToken.None);
        return crf.Refine(config);
    }
}
