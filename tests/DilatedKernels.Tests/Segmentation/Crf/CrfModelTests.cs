using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>Networks that end with a CRF.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class CrfModelTests(Device device)
{
    private const int Classes = 3;

    [TestCase("front-end")]
    [TestCase("fcn-8s")]
    [TestCase("deeplab-largefov")]
    public void TheImageOfThePassIsThatOfTheScores(string trunk)
    {
        using SegmentationModel model = SegmentationModel.Create(device, Config(trunk), seed: 1);
        int size = 15 + (2 * model.Margin) + (model.IsPadded ? 0 : 1);
        var shape = new Shape(1, 3, size, size);
        using Tensor x = Array4.Random(shape, "x").ToTensor(device);
        using Tape tape = Tape.Inference();
        Tensor refined = model.ForwardRefined(x, ForwardContext.Inference);
        int inner = size - (2 * model.Margin);
        Assert.That(refined.Shape, Is.EqualTo(new Shape(1, Classes, inner, inner)));

        // By hand: the cell i is pixel 8·i of the image inside the margins.
        Tensor scores = model.Forward(x, ForwardContext.Inference);
        double[] cells = Doubles(scores);
        double[] pixels = Doubles(x);
        double[] full = new double[Classes * inner * inner];
        float[] image = new float[3 * inner * inner];
        for (int row = 0; row < inner; row++)
        {
            for (int column = 0; column < inner; column++)
            {
                for (int c = 0; c < Classes; c++)
                {
                    full[(((row * inner) + column) * Classes) + c] = Interpolated(cells, scores.Shape, row / (double)model.Stride, column / (double)model.Stride, c);
                }

                for (int c = 0; c < 3; c++)
                {
                    image[(((row * inner) + column) * 3) + c] = (float)pixels[((((row + model.Margin) * size) + column + model.Margin) * 3) + c];
                }
            }
        }

        using Tensor enlarged = Tensor.FromChannelsLast(device, refined.Shape, Array.ConvertAll(full, value => (float)value));
        using Tensor inside = Tensor.FromChannelsLast(device, new Shape(1, 3, inner, inner), image);
        double[] expected = Doubles(model.Crf!.Forward(enlarged, inside, ForwardContext.Inference));
        Assert.That(OperatorCheck.RelativeError(refined.ToChannelsLast(), expected), Is.LessThan(1e-5));
    }

    [TestCase("front-end")]
    [TestCase("fcn-8s")]
    [TestCase("deeplab-largefov")]
    public void PredictionStartsAsTheNetworkWithADenseCrfBehindIt(string trunk)
    {
        ModelConfig config = Config(trunk);
        using SegmentationModel model = SegmentationModel.Create(device, config, seed: 1);
        using SegmentationModel plain = SegmentationModel.Create(device, config with { Crf = null }, seed: 1);
        RgbImage image = Picture(19, 13);
        ProbabilityMap refined = new Predictor(model).Probabilities(image);

        // An FCN's and DeepLab's probabilities come from scores at the image's size, as the CRF's do; a front end's are interpolated themselves.
        ProbabilityMap expected = new DenseCrf(DenseCrfConfig.CrfRnn with { ProbabilityFloor = 1e-30 }).Refine(image, new Predictor(plain).Probabilities(image));
        double tolerance = trunk == "front-end" ? 0.05 : 1e-5;
        Assert.That(OperatorCheck.RelativeError(refined.Values, Array.ConvertAll(expected.Values, value => (double)value)), Is.LessThan(tolerance));
        Assert.That(new Predictor(model).Predict(image).Indices, Is.EqualTo(refined.ArgMax().Indices));
    }

    [Test]
    public void ItIsSavedAndLoadedWithItsWeights()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel model = SegmentationModel.Create(device, Config("fcn-8s"), seed: 1);
        model.Crf!.Compatibility.Value.SetArray([-1, 2, 3, 4, -5, 6, 7, 8, -9]);
        ModelFile.Save(folder["crf.safetensors"], model);
        using SegmentationModel loaded = ModelFile.Load(folder["crf.safetensors"], device);
        Assert.That(loaded.Config.ToJson(), Is.EqualTo(model.Config.ToJson()));
        foreach ((Parameter read, Parameter written) in loaded.Parameters.Zip(model.Parameters))
        {
            Assert.That((read.Name, read.Value.Shape), Is.EqualTo((written.Name, written.Value.Shape)));
            Assert.That(read.Value.ToArray(), Is.EqualTo(written.Value.ToArray()), read.Name);
        }

        Assert.That(
            loaded.Parameters.Skip(loaded.Parameters.Count - 3).Select(parameter => parameter.Name), Is.EqualTo(new[] { "crf.bilateral", "crf.spatial", "crf.compatibility" }));
    }

    [Test]
    public void ANetworkWithoutOneSaysSo()
    {
        using SegmentationModel model = SegmentationModel.Create(device, Config("fcn-8s") with { Crf = null }, seed: 1);
        using Tensor x = Tensor.Zeros(device, new Shape(1, 3, 8, 8));
        Assert.That(() => model.ForwardRefined(x, ForwardContext.Inference), Throws.InvalidOperationException.With.Message.Contains("has no CRF"));
    }

    [Test]
    public void EveryParameterLearns([Values("front-end", "deeplab-largefov")] string trunk)
    {
        using SegmentationModel model = SegmentationModel.Create(device, Config(trunk), seed: 1);
        int size = 16 + (2 * model.Margin);
        using Tensor x = Array4.Random(new Shape(1, 3, size, size), "x").ToTensor(device);
        using LabelMap labels = LabelMap.FromArray(device, 1, 16, 16, [.. Enumerable.Range(0, 256).Select(i => (byte)(i / 100))]);
        using Tape tape = Tape.Record();
        Tensor loss = Ops.SoftmaxCrossEntropy(model.ForwardRefined(x, ForwardContext.Training(1, 1)), labels, 255);
        tape.Backward(loss);
        foreach (Parameter parameter in model.Parameters)
        {
            Assert.That(parameter.Gradient!.ToArray(), Has.Some.Not.Zero, parameter.Name);
        }
    }

    private static ModelConfig Config(string trunk) => Trunks.Get(trunk, Classes, 1.0 / 64).WithDropout(0) with
    {
        InputScale = 1.0 / 64,
        Crf = CrfRnnConfig.From(DenseCrfConfig.CrfRnn, Classes),
    };

    private static double[] Doubles(Tensor tensor) => Array.ConvertAll(tensor.ToChannelsLast(), value => (double)value);

    private static double Interpolated(double[] cells, Shape shape, double row, double column, int c)
    {
        int top = Math.Min((int)row, shape.H - 1);
        int left = Math.Min((int)column, shape.W - 1);
        int bottom = Math.Min(top + 1, shape.H - 1);
        int right = Math.Min(left + 1, shape.W - 1);
        (double b, double a) = (row - top, column - left);
        return ((1 - b) * (((1 - a) * At(top, left)) + (a * At(top, right)))) + (b * (((1 - a) * At(bottom, left)) + (a * At(bottom, right))));

        double At(int y, int x) => cells[(((y * shape.W) + x) * shape.C) + c];
    }

    private static RgbImage Picture(int width, int height)
    {
        var random = new RandomSequence(3, "picture", 0);
        byte[] pixels = [.. Enumerable.Range(0, 3 * width * height).Select(i => (byte)(((i / 3) % width < width / 2 ? 60 : 180) + random.NextInt32(20)))];
        return new RgbImage(width, height, pixels);
    }
}
