using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Inference;

/// <summary>Predictions through windows: their weights, what they equal, what they need.</summary>
public class SlidingWindowTests
{
    [Test]
    public void WeightsArePositiveAndAddUpToOne(
        [Values(1, 7, 64, 65, 100, 333)] int length, [Values(64, 40)] int size, [Values(0, 1, 16, 32)] int overlap, [Values(1, 8)] int grid, [Values] WindowBlending blending)
    {
        IReadOnlyList<(int Start, float[] Weights)> windows = new SlidingWindow(size, overlap, blending).Along(length, grid);
        double[] sum = new double[length];
        foreach ((int start, float[] weights) in windows)
        {
            Assert.That(start % grid, Is.Zero);
            Assert.That(weights, Has.Length.LessThanOrEqualTo(size));
            Assert.That(weights, blending == WindowBlending.Smooth ? Is.All.GreaterThan(0f) : Is.All.Matches<float>(weight => weight is 0 or 1));
            for (int x = 0; x < weights.Length; x++)
            {
                sum[start + x] += weights[x];
            }
        }

        Assert.That(sum, Is.All.EqualTo(1).Within(1e-6));
        for (int i = 1; i < windows.Count; i++)
        {
            Assert.That(windows[i - 1].Start + windows[i - 1].Weights.Length - windows[i].Start, Is.GreaterThanOrEqualTo(Math.Min(overlap, windows[i].Weights.Length)));
        }
    }

    [Test]
    public void AnOverlapIsBlendedSmoothlyOrCutInItsMiddle()
    {
        float[] first = new SlidingWindow(8, 4).Along(12, 1)[0].Weights;
        double[] expected = [1, 1, 1, 1, .. Enumerable.Range(0, 4).Select(x => Math.Pow(Math.Cos(Math.PI / 2 * (x + 0.5) / 4), 2))];
        Assert.That(first, Is.EqualTo(expected).Within(1e-6));
        Assert.That(new SlidingWindow(8, 4, WindowBlending.Cut).Along(12, 1).Select(window => string.Concat(window.Weights)), Is.EqualTo(new[] { "11111100", "00111111" }));
    }

    // With direct convolutions every sum has the same terms in the same order as in the whole image, and the weights are 0 and 1: the same bits.
    [TestCase(false)]
    [TestCase(true)]
    public void OverlapsThatHoldTheReceptiveFieldGiveTheWholeImagesBits(bool upsampleInNetwork)
    {
        using SegmentationModel model = Small(context: true, ConvolutionAlgorithm.Direct, upsampleInNetwork);
        var whole = new Predictor(model);
        int overlap = whole.ExactOverlap;
        RgbImage image = Noise(overlap + 61, overlap + 50);
        var windowed = new Predictor(model, window: new SlidingWindow(overlap + 20, overlap, WindowBlending.Cut));
        Assert.That(windowed.Probabilities(image).Values, Is.EqualTo(whole.Probabilities(image).Values));
        Assert.That(windowed.Predict(image).Indices, Is.EqualTo(whole.Predict(image).Indices));
    }

    // Winograd's tiles lie elsewhere in a window, and round otherwise: the tolerance is that of the front end's tiles.
    [TestCase("fcn-8s", 40)]
    [TestCase("deeplab-largefov", 40)]
    [TestCase("deeplab-msc-largefov", 9)]
    public void SoDoNetworksThatPadTheirMaps(string name, int height)
    {
        using SegmentationModel model = Padded(name);
        var whole = new Predictor(model);
        int overlap = whole.ExactOverlap;
        RgbImage image = Noise(overlap + 101, height);
        var windowed = new Predictor(model, window: new SlidingWindow(overlap + 40, overlap, WindowBlending.Cut));
        Assert.That(
            Error.Relative(windowed.Probabilities(image).Values, [.. whole.Probabilities(image).Values.Select(value => (double)value)]), Is.LessThan(5e-6));
        float[] without = new Predictor(model, window: new SlidingWindow(64, 0, WindowBlending.Cut)).Probabilities(image).Values;
        Assert.That(Error.Relative(without, [.. whole.Probabilities(image).Values.Select(value => (double)value)]), Is.GreaterThan(1e-3), "without overlap they see less");
    }

    [Test]
    public void AnUnpaddedFrontEndSeesPastItsWindow()
    {
        using SegmentationModel model = Small(context: false, ConvolutionAlgorithm.Direct);
        RgbImage image = Noise(90, 61);
        Assert.That(new Predictor(model, window: new SlidingWindow(32, 0, WindowBlending.Cut)).Probabilities(image).Values, Is.EqualTo(new Predictor(model).Probabilities(image).Values));
    }

    [Test]
    public void BlendedProbabilitiesAddUpToOneAndGiveTheMask()
    {
        using SegmentationModel model = Small(context: true);
        RgbImage image = Noise(70, 90);
        var predictor = new Predictor(model, window: new SlidingWindow(40, 17));
        ProbabilityMap map = predictor.Probabilities(image);
        for (int i = 0; i < 70 * 90; i++)
        {
            Assert.That(map.Values[3 * i] + map.Values[(3 * i) + 1] + map.Values[(3 * i) + 2], Is.EqualTo(1f).Within(1e-5), $"pixel {i}");
        }

        Assert.That(predictor.Predict(image).Indices, Is.EqualTo(map.ArgMax().Indices));
        Assert.That(Error.Relative(map.Values, [.. new Predictor(model).Probabilities(image).Values.Select(value => (double)value)]), Is.GreaterThan(1e-6), "it was blended");
        Assert.That(model.Device.Memory.LiveBytes, Is.EqualTo(model.Parameters.Sum(p => p.Value.Shape.Count * sizeof(float))), "no intermediate is left");
    }

    [Test]
    public void ViewsAreSeenThroughWindowsToo()
    {
        using SegmentationModel model = Small(context: true, ConvolutionAlgorithm.Direct);
        var views = new PredictionViews([0.5, 1], flip: true);
        var whole = new Predictor(model, views: views);
        int overlap = whole.ExactOverlap;
        RgbImage image = Noise(overlap + 77, overlap + 30);
        var windowed = new Predictor(model, views: views, window: new SlidingWindow(overlap + 24, overlap, WindowBlending.Cut));
        Assert.That(windowed.Probabilities(image).Values, Is.EqualTo(whole.Probabilities(image).Values));
        var blended = new Predictor(model, views: views, window: new SlidingWindow(48, 12));
        ProbabilityMap map = blended.Probabilities(image);
        ProbabilityMap mirrored = blended.Probabilities(image.Mirror());
        for (int i = 0; i < map.Values.Length; i++)
        {
            int pixel = i / 3;
            int other = (pixel / image.Width * image.Width) + image.Width - 1 - (pixel % image.Width);
            Assert.That(mirrored.Values[(3 * other) + (i % 3)], Is.EqualTo(map.Values[i]).Within(1e-6), "a mirror image's are the same, mirrored");
        }
    }

    [Test]
    public void MemoryDoesNotGrowWithTheImage()
    {
        (int, int)[] sizes = [(96, 96), (384, 96), (384, 384)];
        long[] peaks = [.. sizes.Select(size => Peak(size, new SlidingWindow(64, 16)))];
        Assert.That(peaks[1], Is.LessThanOrEqualTo(peaks[0] * 11 / 10));
        Assert.That(peaks[2], Is.LessThanOrEqualTo(peaks[0] * 11 / 10));
        Assert.That(Peak((384, 384), null), Is.GreaterThan(4 * peaks[2]), "seen whole it does");

        static long Peak((int Width, int Height) size, SlidingWindow? window)
        {
            using SegmentationModel model = Padded("deeplab-largefov");
            new Predictor(model, window: window).Predict(Noise(size.Width, size.Height));
            return model.Device.Memory.PeakBytes;
        }
    }

    [Test]
    public void WhatCannotBeIsRefused()
    {
        Assert.That(() => new SlidingWindow(0, 0), Throws.ArgumentException.With.Message.Contains("1 to 65536"));
        Assert.That(() => new SlidingWindow(10, 10), Throws.ArgumentException.With.Message.Contains("0 to 9"));
        using SegmentationModel model = Padded("fcn-8s");
        Assert.That(() => new Predictor(model, window: new SlidingWindow(40, 20)), Throws.TypeOf<UserInputException>().With.Message.Contains("needs 32 or more"));
        using SegmentationModel crf = SegmentationModel.Create(
            Device.CreateCpu(1), model.Config with { Crf = CrfRnnConfig.From(DenseCrfConfig.DenseCrfDemo, 3) }, seed: 1);
        Assert.That(() => new Predictor(crf, window: new SlidingWindow(400, 20)), Throws.TypeOf<UserInputException>().With.Message.Contains("CRF that connects all pixels"));
    }

    private static SegmentationModel Padded(string name)
    {
        SegmentationModel model = SegmentationModel.Create(Device.CreateCpu(2), Trunks.Get(name, 3, 1.0 / 32) with { InputScale = 1.0 / 64, MeanBgr = [110, 120, 130] }, seed: 3);
        foreach (Parameter weight in model.Parameters.Where(p => p.Name.StartsWith("score_", StringComparison.Ordinal)))
        {
            DilatedKernels.Nn.Initialization.Gaussian(weight, 1, seed: 4);
        }

        return model;
    }

    private static SegmentationModel Small(bool context, ConvolutionAlgorithm algorithm = ConvolutionAlgorithm.Automatic, bool upsampleInNetwork = false) => SegmentationModel.Create(
        Device.CreateCpu(2, algorithm),
        new ModelConfig
        {
            Name = "test",
            FrontEnd = new FrontEndConfig { Classes = 3, Stages = [new Stage(1, 8, PoolAfter: true), new Stage(1, 8, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 8, FinalDeviation = 1 },
            Context = context ? ContextConfig.Basic(3) with { Dilations = [1, 2, 4], Padding = ContextPadding.PerLayer, Noise = 0.1 } : null,
            UpsampleInNetwork = upsampleInNetwork,
            InputScale = 1.0 / 64,
            MeanBgr = [110, 120, 130],
        },
        seed: 3);

    private static RgbImage Noise(int width, int height)
    {
        var random = new RandomSequence(9, "noise");
        byte[] pixels = new byte[3 * width * height];
        foreach (ref byte pixel in pixels.AsSpan())
        {
            pixel = (byte)random.NextInt32(256);
        }

        return new RgbImage(width, height, pixels);
    }
}
