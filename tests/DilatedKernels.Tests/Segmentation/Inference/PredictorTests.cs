using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Inference;

public class PredictorTests
{
    [Test]
    public void TilesGiveTheWholeImagesScoresBitForBit([Values(1, 3, 5)] int tileCells)
    {
        using SegmentationModel model = Model();
        RgbImage image = Noise(37, 50);
        using Tape tape = Tape.Inference();
        float[] whole = new Predictor(model).FrontEndScores(image).ToArray();
        float[] tiled = new Predictor(model, tileCells).FrontEndScores(image).ToArray();
        Assert.That(tiled, Is.EqualTo(whole));
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

    private static SegmentationModel Model(bool context = false, bool upsampleInNetwork = false) => SegmentationModel.Create(
        Device.CreateCpu(2),
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
