using DilatedKernels.Segmentation.Crf;

namespace DilatedKernels.Tests.Segmentation.Crf;

public class DenseCrfConfigTests
{
    private static IEnumerable<TestCaseData> Wrong()
    {
        var right = new DenseCrfConfig();
        yield return new TestCaseData(right with { BilateralWeight = -1 }, "BilateralWeight is from 0 to 10000; it was -1.");
        yield return new TestCaseData(right with { BilateralSigma = 0 }, "BilateralSigma is from 0.1 to 100000; it was 0.");
        yield return new TestCaseData(right with { ColorSigma = double.NaN }, "ColorSigma is from 0.1 to 100000; it was NaN.");
        yield return new TestCaseData(right with { SpatialWeight = double.PositiveInfinity }, "SpatialWeight is from 0 to 10000; it was Infinity.");
        yield return new TestCaseData(right with { SpatialSigma = 1e6 }, "SpatialSigma is from 0.1 to 100000; it was 1000000.");
        yield return new TestCaseData(right with { Iterations = 1001 }, "Iterations is from 0 to 1000; it was 1001.");
        yield return new TestCaseData(right with { ProbabilityFloor = 0 }, "ProbabilityFloor is above 0 and at most 0.1; it was 0.");
        yield return new TestCaseData(right with { Normalization = (CrfNormalization)7 }, "Normalization is Symmetric or Response; it was 7.");
        yield return new TestCaseData(right with { Kernel = (CrfKernel)7 }, "Kernel is Lattice or Exact; it was 7.");
        yield return new TestCaseData(right with { Compatibility = [double.NaN] }, "every number of Compatibility is from -10000 to 10000.");
        yield return new TestCaseData(right with { Compatibility = [0, 1e300] }, "every number of Compatibility is from -10000 to 10000.");
    }

    [TestCaseSource(nameof(Wrong))]
    public void AWrongParameterIsNamedWithItsRange(DenseCrfConfig config, string message)
    {
        Assert.That(() => new DenseCrf(config), Throws.ArgumentException.With.Message.Contains(message));
        Assert.That(() => DenseCrfConfig.FromJson("""{ "kernel": "Fast" }"""), Throws.ArgumentException);
    }

    [Test]
    public void TheKnownSetsAreValid()
    {
        foreach ((string name, DenseCrfConfig config) in DenseCrfConfig.Known)
        {
            Assert.That(config.Validate, Throws.Nothing, name);
        }

        Assert.That(DenseCrfConfig.Known["DeepLab"], Is.EqualTo(new DenseCrfConfig()));
    }

    // DeepLab's scripts, the example of the authors' release, and CRF-RNN's code.
    [TestCase("deeplab", 4, 49, 5, 3, 3, 10)]
    [TestCase("deeplab-v2-vgg", 4, 65, 3, 2, 2, 10)]
    [TestCase("deeplab-v2-resnet", 4, 67, 3, 3, 1, 10)]
    [TestCase("densecrf-demo", 10, 80, 13, 3, 3, 5)]
    [TestCase("crf-rnn", 5, 160, 3, 3, 3, 10)]
    public void TheKnownSetsAreThePublishedOnes(string name, double bilateralWeight, double bilateralSigma, double colorSigma, double spatialWeight, double spatialSigma, int iterations)
    {
        DenseCrfConfig config = DenseCrfConfig.Known[name];
        Assert.That(
            (config.BilateralWeight, config.BilateralSigma, config.ColorSigma, config.SpatialWeight, config.SpatialSigma, config.Iterations),
            Is.EqualTo((bilateralWeight, bilateralSigma, colorSigma, spatialWeight, spatialSigma, iterations)));
    }

    [Test]
    public void JsonKeepsEverything()
    {
        DenseCrfConfig config = DenseCrfConfig.CrfRnn with { ProbabilityFloor = 1e-3, Kernel = CrfKernel.Exact, Iterations = 7 };
        Assert.That(DenseCrfConfig.FromJson(config.ToJson()), Is.EqualTo(config));
        DenseCrfConfig matrix = DenseCrfConfig.FromJson((config with { Compatibility = [0, 1, 2, 3] }).ToJson());
        Assert.That(matrix.Compatibility, Is.EqualTo(new double[] { 0, 1, 2, 3 }));
    }

    [Test]
    public void WhatJsonLeavesOutHasItsDefault() =>
        Assert.That(DenseCrfConfig.FromJson("""{ "colorSigma": 7 }"""), Is.EqualTo(new DenseCrfConfig { ColorSigma = 7 }));

    [TestCase("")]
    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("""{ "sigma": 3 }""")]
    [TestCase("""{ "iterations": 5, "iterations": 6 }""")]
    [TestCase("""{ "iterations": 2000 }""")]
    public void OtherTextIsRefused(string json) => Assert.That(() => DenseCrfConfig.FromJson(json), Throws.ArgumentException);
}
