using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Inference;

/// <summary>Probabilities averaged over scales and mirror images.</summary>
public class PredictionViewsTests
{
    private const int Classes = 3;

    [TestCase(true, 1.0)]
    [TestCase(false, 0.5)]
    [TestCase(false, 1.0, 1.5)]
    [TestCase(true, 0.75, 1.0, 1.25)]
    public void EveryCombinationCountsTheSame(bool flip, params double[] scales)
    {
        using SegmentationModel model = Model();
        RgbImage image = Noise(33, 22);
        double[] expected = new double[33 * 22 * Classes];
        foreach (double scale in scales)
        {
            int width = (int)Math.Floor((33 * scale) + 0.5);
            int height = (int)Math.Floor((22 * scale) + 0.5);
            RgbImage scaled = Bilinear.Resize(image, width, height);
            var predictor = new Predictor(model);
            foreach (bool mirrored in flip ? (bool[])[false, true] : [false])
            {
                ProbabilityMap map = predictor.Probabilities(mirrored ? scaled.Mirror() : scaled);
                float[] view = new float[expected.Length];
                Bilinear.Add(mirrored ? Mirror(map) : map.Values, new Size2(height, width), Classes, view, new Size2(22, 33));
                for (int i = 0; i < view.Length; i++)
                {
                    expected[i] += view[i] / (double)(scales.Length * (flip ? 2 : 1));
                }
            }
        }

        var averaging = new Predictor(model, tileCells: 4, new PredictionViews(scales, flip));
        ProbabilityMap average = averaging.Probabilities(image);
        Assert.That((average.Width, average.Height), Is.EqualTo((33, 22)));
        Assert.That(average.Values.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), Is.LessThan(2e-6));
        Assert.That(average.Values.Zip(new Predictor(model).Probabilities(image).Values, (a, b) => Math.Abs(a - b)).Max(), Is.GreaterThan(1e-3), "the views differ");
        Assert.That(averaging.Predict(image).Indices, Is.EqualTo(average.ArgMax().Indices));
        Assert.That(model.Device.Memory.LiveBytes, Is.EqualTo(model.Parameters.Sum(p => p.Value.Shape.Count * sizeof(float))), "no intermediate is left");
    }

    [Test]
    public void TheMirrorImageGetsTheMirroredProbabilities()
    {
        using SegmentationModel model = Model();
        var predictor = new Predictor(model, views: new PredictionViews([0.75, 1, 1.3], flip: true));
        ProbabilityMap of = predictor.Probabilities(Noise(33, 22).Mirror());
        Assert.That(Mirror(of), Is.EqualTo(predictor.Probabilities(Noise(33, 22)).Values));
    }

    [Test]
    public void TheBitsAreTheSameForEveryNumberOfThreadsAndOrderOfScales()
    {
        float[] one = Probabilities(1, 0.75, 1, 1.25, 1.5);
        Assert.That(Probabilities(2, 0.75, 1, 1.25, 1.5), Is.EqualTo(one));
        Assert.That(Probabilities(3, 1.5, 0.75, 1.25, 1), Is.EqualTo(one));

        static float[] Probabilities(int threads, params double[] scales)
        {
            using SegmentationModel model = Model(threads);
            return new Predictor(model, views: new PredictionViews(scales, flip: true)).Probabilities(Noise(21, 30)).Values;
        }
    }

    [Test]
    public void TheImageAloneIsAsWithoutViews()
    {
        using SegmentationModel model = Model();
        float[] plain = new Predictor(model).Probabilities(Noise(9, 14)).Values;
        Assert.That(new Predictor(model, views: new PredictionViews([1], flip: false)).Probabilities(Noise(9, 14)).Values, Is.EqualTo(plain));
    }

    [TestCase("fcn-8s", 33, 22)]
    [TestCase("deeplab-msc-largefov", 20, 41)]
    [TestCase("deeplab-largefov", 1, 1)]
    public void PaddedNetworksAverageToo(string name, int width, int height)
    {
        using SegmentationModel model = SegmentationModel.Create(Device.CreateCpu(2), Trunks.Get(name, Classes, 1.0 / 32) with { InputScale = 1.0 / 64 }, seed: 3);
        ProbabilityMap map = new Predictor(model, views: new PredictionViews([0.5, 2], flip: true)).Probabilities(Noise(width, height));
        for (int i = 0; i < width * height; i++)
        {
            Assert.That(map.Values[3 * i] + map.Values[(3 * i) + 1] + map.Values[(3 * i) + 2], Is.EqualTo(1f).Within(1e-5), $"pixel {i}");
        }
    }

    [TestCase("a scale is from 0.1 to 8; one was 0.", 1.0, 0.0)]
    [TestCase("a scale is from 0.1 to 8; one was NaN.", 1.0, double.NaN)]
    [TestCase("a scale is from 0.1 to 8; one was 8.5.", 8.5)]
    [TestCase("a scale is named once; 0.5 is there twice.", 0.5, 1.0, 0.5)]
    [TestCase("there are 1 to 16 scales; 0 were given.")]
    public void WrongScalesAreRefused(string message, params double[] scales) =>
        Assert.That(() => new PredictionViews(scales, flip: false), Throws.ArgumentException.With.Message.Contains(message));

    [Test]
    public void AnImageTooLargeForAScaleIsRefusedWithTheOneThatFits()
    {
        using SegmentationModel model = Model();
        var predictor = new Predictor(model, views: new PredictionViews([1, 8], flip: false));
        Assert.That(() => predictor.Predict(new RgbImage(3500, 3500)), Throws.TypeOf<UserInputException>().With.Message.EqualTo(
            "At scale 8 an image of 3500×3500 (width×height) is 28000×28000, whose pixels times 3 values do not fit one array; scales up to 7.64 do."));
    }

    private static float[] Mirror(ProbabilityMap map)
    {
        float[] mirrored = new float[map.Values.Length];
        for (int i = 0; i < map.Width * map.Height; i++)
        {
            int other = (i / map.Width * map.Width) + map.Width - 1 - (i % map.Width);
            map.Values.AsSpan(i * map.Classes, map.Classes).CopyTo(mirrored.AsSpan(other * map.Classes));
        }

        return mirrored;
    }

    private static SegmentationModel Model(int threads = 2) => SegmentationModel.Create(
        Device.CreateCpu(threads),
        new ModelConfig
        {
            Name = "test",
            FrontEnd = new FrontEndConfig
            {
                Classes = Classes,
                Stages = [new Stage(1, 8, PoolAfter: true), new Stage(1, 8, PoolAfter: true)],
                FcKernel = 3,
                FcDilation = 2,
                FcChannels = 8,
                FinalDeviation = 1,
            },
            Context = ContextConfig.Basic(Classes) with { Padding = ContextPadding.PerLayer, Noise = 0.1 },
            InputScale = 1.0 / 64,
            MeanBgr = [110, 120, 130],
        },
        seed: 3);

    private static RgbImage Noise(int width, int height)
    {
        var random = new RandomSequence(9, "noise");
        return new RgbImage(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(_ => (byte)random.NextInt32(256))]);
    }
}
