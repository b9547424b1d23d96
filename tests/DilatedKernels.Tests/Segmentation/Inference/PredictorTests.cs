using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Inference;

public class PredictorTests
{
    [Test]
    public void TilesGiveTheWholeImagesScoresBitForBitWithoutWinograd([Values(1, 3, 5)] int tileCells)
    {
        (float[] whole, float[] tiled) = WholeAndTiled(ConvolutionAlgorithm.Direct, tileCells);
        Assert.That(tiled, Is.EqualTo(whole));
    }

    // Winograd's tiles lie elsewhere in a part of an image, and round otherwise.
    [Test]
    public void TilesGiveTheWholeImagesScores([Values] ConvolutionAlgorithm algorithm, [Values(1, 3, 5)] int tileCells)
    {
        (float[] whole, float[] tiled) = WholeAndTiled(algorithm, tileCells);
        Assert.That(Error.Relative(tiled, [.. whole.Select(value => (double)value)]), Is.LessThan(5e-6));
    }

    [Test]
    public void ProgressCountsTilesWindowsOrViews()
    {
        using SegmentationModel model = Model();
        RgbImage image = Noise(60, 60);
        var told = new Told();
        _ = new Predictor(model, tileCells: 3).Predict(image, progress: told);
        // One cell more than those of the image, for the interpolation.
        int along = ((60 / model.Stride) + 1 + 2) / 3;
        Assert.That(told.All, Is.EqualTo(Counted(along * along)));
        told.All.Clear();
        _ = new Predictor(model, window: new SlidingWindow(40, 8)).Probabilities(image, progress: told);
        Assert.That(told.All, Is.EqualTo(Counted(4)), "windows");
        told.All.Clear();
        _ = new Predictor(model, views: new PredictionViews([1, 1.5], flip: true)).Predict(image, progress: told);
        Assert.That(told.All, Is.EqualTo(Counted(4)));

        static IEnumerable<PredictionProgress> Counted(int all) => Enumerable.Range(1, all).Select(done => new PredictionProgress(done, all));
    }

    private sealed class Told : IProgress<PredictionProgress>
    {
        public List<PredictionProgress> All { get; } = [];

        public void Report(PredictionProgress value) => All.Add(value);
    }

    private static (float[] Whole, float[] Tiled) WholeAndTiled(ConvolutionAlgorithm algorithm, int tileCells)
    {
        using SegmentationModel model = Model(algorithm: algorithm);
        RgbImage image = Noise(37, 50);
        using Tape tape = Tape.Inference();
        return (new Predictor(model).FrontEndScores(image).ToArray(), new Predictor(model, tileCells).FrontEndScores(image).ToArray());
    }

    [TestCase(1, 1)]
    [TestCase(3, 2)]
    [TestCase(4, 4)]
    [TestCase(33, 70)]
    public void TheMaskHasTheImagesSize(int width, int height)
    {
        using SegmentationModel model = Model(context: true);
        IndexMask mask = new Predictor(model, 4).Predict(Noise(width, height));
        Assert.That((mask.Width, mask.Height), Is.EqualTo((width, height)));
        Assert.That(mask.Indices, Is.All.LessThan(3));
        Assert.That(model.Device.Memory.LiveBytes, Is.EqualTo(model.Parameters.Sum(p => p.Value.Shape.Count * sizeof(float))), "no intermediate is left");
    }

    [Test]
    public void ACellsClassIsSeenAtItsTopLeftPixel()
    {
        using SegmentationModel model = Model();
        RgbImage image = Noise(40, 24);
        IndexMask mask = new Predictor(model).Predict(image);
        using Tape tape = Tape.Inference();
        Tensor scores = new Predictor(model).FrontEndScores(image);
        float[] values = scores.ToChannelsLast();
        for (int y = 0; y < scores.Shape.H; y++)
        {
            for (int x = 0; x < scores.Shape.W; x++)
            {
                float[] cell = values[(((y * scores.Shape.W) + x) * 3)..((((y * scores.Shape.W) + x) * 3) + 3)];
                Assert.That(mask.Indices[(y * model.Stride * 40) + (x * model.Stride)], Is.EqualTo(Array.IndexOf(cell, cell.Max())));
            }
        }
    }

    [TestCase(1, 1)]
    [TestCase(3, 2)]
    [TestCase(33, 70)]
    [TestCase(41, 49)]
    public void APaddedNetworkSeesTheImageWhole(int width, int height)
    {
        RgbImage image = Noise(width, height);
        foreach (string name in (string[])["fcn-8s", "deeplab-msc-largefov"])
        {
            using SegmentationModel model = Padded(name, context: false);
            var predictor = new Predictor(model);
            IndexMask mask = predictor.Predict(image);
            Assert.That((mask.Width, mask.Height), Is.EqualTo((width, height)));
            Assert.That(predictor.Probabilities(image).ArgMax().Indices, Is.EqualTo(mask.Indices));
            Assert.That(model.Device.Memory.LiveBytes, Is.EqualTo(model.Parameters.Sum(p => p.Value.Shape.Count * sizeof(float))), "no intermediate is left");

            using Tape tape = Tape.Inference();
            Tensor scores = predictor.FrontEndScores(image);
            Assert.That(scores.Shape, Is.EqualTo(new Shape(1, 3, (height + model.Stride - 1) / model.Stride, (width + model.Stride - 1) / model.Stride)));
            Assert.That(predictor.FrontEndScores(image, extraCells: 1).Shape.H, Is.EqualTo(scores.Shape.H + 1));
            if ((height - 1) % model.Stride == 0 && (width - 1) % model.Stride == 0)
            {
                // No reflection was needed: each cell's class is that of its pixel.
                float[] values = scores.ToChannelsLast();
                for (int i = 0; i < scores.Shape.H * scores.Shape.W; i++)
                {
                    int pixel = (i / scores.Shape.W * model.Stride * width) + (i % scores.Shape.W * model.Stride);
                    float[] cell = values[(3 * i)..((3 * i) + 3)];
                    Assert.That(mask.Indices[pixel], Is.EqualTo(Array.IndexOf(cell, cell.Max())));
                }
            }
        }
    }

    [Test]
    public void AContextModuleOnDeepLabPredicts()
    {
        using SegmentationModel model = Padded("deeplab-largefov", context: true);
        IndexMask mask = new Predictor(model).Predict(Noise(30, 21));
        Assert.That((mask.Width, mask.Height), Is.EqualTo((30, 21)));
    }

    private static SegmentationModel Padded(string name, bool context)
    {
        SegmentationModel model = SegmentationModel.Create(
            Device.CreateCpu(2),
            Trunks.Get(name, 3, 1.0 / 32) with { InputScale = 1.0 / 64, MeanBgr = [110, 120, 130], Context = context ? ContextConfig.Basic(3) with { Noise = 0.1 } : null },
            seed: 3);
        foreach (Parameter weight in model.Parameters.Where(p => p.Name.StartsWith("score_", StringComparison.Ordinal)))
        {
            DilatedKernels.Nn.Initialization.Gaussian(weight, 1, seed: 4);
        }

        return model;
    }

    [TestCase(1, 1, false)]
    [TestCase(33, 70, false)]
    [TestCase(33, 70, true)]
    public void ProbabilitiesAreThoseThatTheMaskIsMadeOf(int width, int height, bool upsampleInNetwork)
    {
        using SegmentationModel model = Model(context: true, upsampleInNetwork);
        RgbImage image = Noise(width, height);
        var predictor = new Predictor(model, 4);
        ProbabilityMap map = predictor.Probabilities(image);
        Assert.That(map.ArgMax().Indices, Is.EqualTo(predictor.Predict(image).Indices));
        for (int i = 0; i < width * height; i++)
        {
            Assert.That(map.Values[3 * i] + map.Values[(3 * i) + 1] + map.Values[(3 * i) + 2], Is.EqualTo(1f).Within(1e-5), $"pixel {i}");
        }

        Assert.That(model.Device.Memory.LiveBytes, Is.EqualTo(model.Parameters.Sum(p => p.Value.Shape.Count * sizeof(float))), "no intermediate is left");
    }

    private static SegmentationModel Model(bool context = false, bool upsampleInNetwork = false, ConvolutionAlgorithm algorithm = ConvolutionAlgorithm.Automatic) => SegmentationModel.Create(
        Device.CreateCpu(2, algorithm),
        new ModelConfig
        {
            Name = "test",
            FrontEnd = new FrontEndConfig
            {
                Classes = 3,
                Stages = [new Stage(1, 8, PoolAfter: true), new Stage(1, 8, PoolAfter: true)],
                FcKernel = 3,
                FcDilation = 2,
                FcChannels = 8,
                FinalDeviation = 1,
            },
            Context = context ? ContextConfig.Basic(3) with { Padding = ContextPadding.PerLayer, Noise = 0.1 } : null,
            UpsampleInNetwork = upsampleInNetwork,
            InputScale = 1.0 / 64,
            MeanBgr = [110, 120, 130],
        },
        seed: 3);

    private static RgbImage Noise(int width, int height)
    {
        var random = new RandomSequence(9, "noise");
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)random.NextInt32(256);
        }

        return new RgbImage(width, height, pixels);
    }
}
