using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Models;

/// <summary>FCN and DeepLab as networks that compute and learn, at small width.</summary>
public class BaselineModelTests
{
    private const int Classes = 3;

    // The front end, whose crops are large, has tests of its own.
    private static readonly string[] s_names = [.. Trunks.Names.Where(name => name != Trunks.FrontEnd)];

    [Test]
    public void ForwardHasTheSummarysShape([ValueSource(nameof(s_names))] string name, [Values] ElementType type)
    {
        ModelConfig config = Config(name);
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1, type);
        foreach (Size2 size in (Size2[])[1, new Size2(17, 40), new Size2(41, 33)])
        {
            using Tensor x = Image(size);
            using Tape tape = Tape.Inference();
            Tensor y = model.Forward(x, ForwardContext.Inference);
            Assert.Multiple(() =>
            {
                Assert.That(y.Shape, Is.EqualTo(ModelSummary.Of(config, size).Output));
                Assert.That(y.ElementType, Is.EqualTo(ElementType.Float32));
            });
        }
    }

    [Test]
    public void GradientsReachEveryParameter([ValueSource(nameof(s_names))] string name)
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Config(name), seed: 1);
        // Scores that begin at zero hand nothing on to what is before them.
        foreach (Parameter weight in model.Parameters.Where(p => p.Name.StartsWith("score_", StringComparison.Ordinal) && p.Value.Shape.N > 1))
        {
            Initialization.He(weight, seed: 2);
        }

        var size = new Size2(33, 41);
        using Tensor x = Image(size);
        using LabelMap labels = Labels(model, size);
        using Tape tape = Tape.Record();
        tape.Backward(Ops.SoftmaxCrossEntropy(model.Forward(x, ForwardContext.Training(1, 0)), labels));
        foreach (Parameter parameter in model.Parameters)
        {
            Assert.That(parameter.Gradient?.ToArray(), Has.Some.Not.Zero, parameter.Name);
        }
    }

    // Windows and crops that were off by a pixel would lean to one side.
    [Test]
    public void AMirrorImageHasMirroredScores([ValueSource(nameof(s_names))] string name)
    {
        // FCN's poolings lose no row of 58 + 198 = 256 pixels, and DeepLab has cells at both ends of 41.
        var size = name.StartsWith("fcn", StringComparison.Ordinal) ? new Size2(26, 58) : new Size2(33, 41);
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Config(name), seed: 1);
        using SegmentationModel mirrored = SegmentationModel.Create(Device.Cpu, Config(name), seed: 1);
        for (int i = 0; i < model.Parameters.Count; i++)
        {
            Parameter weight = model.Parameters[i];
            if (weight.Name.StartsWith("score_", StringComparison.Ordinal))
            {
                Initialization.Gaussian(weight, 0.5, seed: 3);
            }

            mirrored.Parameters[i].Value.SetArray(Mirror(weight.Value.ToArray(), weight.Value.Shape.W));
        }

        using Tensor x = Image(size);
        using Tensor reflection = Tensor.FromArray(Device.Cpu, x.Shape, Mirror(x.ToArray(), x.Shape.W));
        using Tape tape = Tape.Inference();
        Tensor y = model.Forward(x, ForwardContext.Inference);
        float[] expected = Mirror(y.ToArray(), y.Shape.W);
        Assert.That(
            OperatorCheck.RelativeError(mirrored.Forward(reflection, ForwardContext.Inference).ToArray(), Array.ConvertAll(expected, v => (double)v)), Is.LessThan(1e-5));
    }

    [Test]
    public void AFewStepsLowerTheLossAndGiveTheSameBitsWithOneThreadAndTwo([ValueSource(nameof(s_names))] string name)
    {
        (float[] losses, float[] weights) = Train(name, threads: 1, steps: 24);
        Assert.That(losses[0], Is.EqualTo(Math.Log(Classes)).Within(0.5));
        Assert.That(losses[^1], Is.LessThan(0.6 * losses[0]).And.GreaterThanOrEqualTo(0));
        (float[] again, float[] same) = Train(name, threads: 2, steps: 3);
        Assert.That(again, Is.EqualTo(losses[..3]));
        Assert.That(same, Is.EqualTo(Train(name, threads: 1, steps: 3).Weights));
        Assert.That(weights, Is.Not.EqualTo(same));
    }

    [Test]
    public void SavedAndLoadedIsTheSameBitForBit([Values("fcn-8s", "deeplab-msc-largefov")] string name)
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Config(name), seed: 1);
        ModelFile.Save(folder["net.safetensors"], model);
        using SegmentationModel loaded = ModelFile.Load(folder["net.safetensors"], Device.Cpu);
        Assert.That(loaded.Config.ToJson(), Is.EqualTo(model.Config.ToJson()));
        Assert.That(loaded.Parameters.Select(p => p.Name), Is.EqualTo(model.Parameters.Select(p => p.Name)));
        for (int i = 0; i < model.Parameters.Count; i++)
        {
            Assert.That(loaded.Parameters[i].Value.ToArray(), Is.EqualTo(model.Parameters[i].Value.ToArray()), model.Parameters[i].Name);
        }
    }

    [Test]
    public void AFinerFcnBeginsAsTheCoarserOne()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel coarse = SegmentationModel.Create(Device.Cpu, Config("fcn-16s"), seed: 1);
        foreach (Parameter weight in coarse.Parameters.Where(p => p.Name.StartsWith("score_", StringComparison.Ordinal)))
        {
            Initialization.Gaussian(weight, 0.5, seed: 3);
        }

        ModelFile.Save(folder["coarse.safetensors"], coarse);
        using SegmentationModel fine = SegmentationModel.Create(Device.Cpu, Config("fcn-8s"), seed: 2);
        WeightLoadReport report = ModelFile.LoadMatching(folder["coarse.safetensors"], fine);
        Assert.That(report.Missing, Is.EquivalentTo(new[] { "upscore_pool4.weight", "score_pool3.weight", "score_pool3.bias" }));
        Assert.That(report.Unused, Is.Empty);
        using Tensor x = Image(64);
        using Tape tape = Tape.Inference();
        double[] expected = Array.ConvertAll(coarse.Forward(x, ForwardContext.Inference).ToArray(), v => (double)v);
        // Twice by 2 and once by 8 is not quite once by 2 and once by 16.
        Assert.That(OperatorCheck.RelativeError(fine.Forward(x, ForwardContext.Inference).ToArray(), expected), Is.LessThan(0.1));
    }

    [Test]
    public void PublishedRatesAreTheClassifiers()
    {
        ModelConfig config = Config("deeplab-largefov");
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config with { DeepLab = config.DeepLab! with { ClassifierRate = 10 } }, seed: 1);
        float Rate(string name) => model.Parameters.Single(p => p.Name == name).LearningRateMultiplier;
        Assert.That((Rate("fc7.weight"), Rate("fc7.bias"), Rate("fc8.weight"), Rate("fc8.bias")), Is.EqualTo((1f, 2f, 10f, 20f)));
    }

    [TestCase("""{"name": "x", "fcn": {"classes": 3, "stride": 4}}""", "Stride is 32, 16 or 8; it was 4")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "deepLab": {"classes": 3}}""", "FrontEnd, Fcn and DeepLab a network has one")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "context": {"classes": 3}}""", "an FCN makes them as fine as the image")]
    [TestCase("""{"name": "x", "deepLab": {"classes": 3, "fcKernel": 4, "fcDilation": 3}}""", "even, so that fc6 can be padded alike on both sides; it was (4 − 1) · 3")]
    [TestCase("""{"name": "x", "deepLab": {"classes": 3, "dropout": 1}}""", "Dropout is from 0 to below 1")]
    [TestCase("""{"name": "x", "deepLab": {"classes": 3, "classifierRate": 0}}""", "ClassifierRate is above 0")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3, "widthMultiplier": 0}}""", "WidthMultiplier")]
    [TestCase("""{"name": "x", "deepLab": {"classes": 4}, "context": {"classes": 3}}""", "makes 4 classes and the context module takes 3")]
    [TestCase("""{"name": "x", "deepLab": {"classes": 3}, "upsampleInNetwork": true}""", "UpsampleInNetwork")]
    public void WrongConfigurationsSayWhatIsWrong(string json, string part) =>
        Assert.That(() => ModelConfig.FromJson(json), Throws.ArgumentException.With.Message.Contains(part));

    [Test]
    public void WhatJsonLeavesOutHasItsDefault()
    {
        ModelConfig fcn = ModelConfig.FromJson("""{"name": "short", "fcn": {"classes": 3}}""");
        ModelConfig deepLab = ModelConfig.FromJson("""{"name": "short", "deepLab": {"classes": 3}}""");
        Assert.Multiple(() =>
        {
            Assert.That(fcn.Fcn, Is.EqualTo(new FcnConfig { Classes = 3 }));
            Assert.That(deepLab.DeepLab, Is.EqualTo(new DeepLabConfig { Classes = 3 }));
        });
    }

    [Test]
    public void AnUnknownTrunkListsTheNames() => Assert.That(
        () => Trunks.Get("unet", 2), Throws.ArgumentException.With.Message.Contains("'unet'").And.Message.Contains("front-end, fcn-32s"));

    private static ModelConfig Config(string name)
    {
        ModelConfig config = Trunks.Get(name, Classes, 1.0 / 16).WithDropout(0) with { InputScale = 1.0 / 64 };
        return config.Fcn is { Stride: < 32 } fcn ? config with { Fcn = fcn with { LearnUpsampling = true } } : config;
    }

    private static Tensor Image(Size2 size)
    {
        var random = new RandomSequence(5, "image");
        return Tensor.FromArray(Device.Cpu, new Shape(1, 3, size.Height, size.Width), [.. Enumerable.Range(0, 3 * size.Height * size.Width).Select(_ => (float)(64 * random.NextGaussian()))]);
    }

    private static LabelMap Labels(SegmentationModel model, Size2 size)
    {
        Size2 output = model.OutputSize(size);
        return LabelMap.FromArray(Device.Cpu, 1, output.Height, output.Width, [.. Enumerable.Range(0, output.Height * output.Width).Select(i => (byte)(i % Classes))]);
    }

    private static float[] Mirror(float[] values, int width) => [.. values.Chunk(width).SelectMany(row => row.Reverse())];

    /// <summary>Steps on one image of three stripes, each in its own colour.</summary>
    private static (float[] Losses, float[] Weights) Train(string name, int threads, int steps)
    {
        const int Size = 33;
        using Device device = Device.CreateCpu(threads);
        using SegmentationModel model = SegmentationModel.Create(device, Config(name), seed: 1);
        Size2 output = model.OutputSize(Size);
        float[] pixels = new float[Size * Size * 3];
        byte[] labels = new byte[output.Height * output.Width];
        for (int i = 0; i < Size * Size; i++)
        {
            int stripe = i % Size * Classes / Size;
            pixels[(3 * i) + stripe] = 120;
            if (i / Size % model.Stride == 0 && i % Size % model.Stride == 0)
            {
                labels[(i / Size / model.Stride * output.Width) + (i % Size / model.Stride)] = (byte)stripe;
            }
        }

        using var optimizer = new Adam(model.Parameters);
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(1e-3f), seed: 1, voidLabel: 255);
        var input = new StepInput(new Shape(1, 3, Size, Size), pixels, output, labels);
        float[] losses = [.. Enumerable.Range(0, steps).Select(step => training.Run(step, input))];
        return (losses, [.. model.Parameters.SelectMany(p => p.Value.ToArray())]);
    }
}
