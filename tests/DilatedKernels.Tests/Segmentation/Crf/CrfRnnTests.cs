using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Crf;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class CrfRnnTests(Device device)
{
    private const int Classes = 3;
    private const int Height = 4;
    private const int Width = 5;

    private static readonly Shape Scores = new(2, Classes, Height, Width);

    [Test]
    public void ResultAndGradientsMatchTheDefinition([Values] CrfKernel kernel, [Values] bool full, [Values(1, 3)] int iterations)
    {
        var config = new CrfRnnConfig { Classes = Classes, BilateralSigma = 4, ColorSigma = 20, SpatialSigma = 1.5, FullKernelWeights = full, Kernel = kernel };
        using var crf = new CrfRnn(device, config, threads: 2);
        Array4 picture = Picture();
        using Tensor image = picture.ToTensor(device);
        Shape weights = full ? new Shape(Classes, Classes, 1, 1) : Shape.PerChannel(Classes);
        double[][][,] kernels = [.. Enumerable.Range(0, Scores.N).Select(n => Kernels(config, picture, n))];
        OperatorCheck.Verify(
            device,
            activations: 1,
            t => crf.Forward(t[0], image, t[1], t[2], t[3], iterations),
            a => Reference(a, kernels, iterations),
            Array4.Random(Scores, "scores"),
            Array4.Random(weights, "bilateral"),
            Array4.Random(weights, "spatial"),
            Array4.Random(new Shape(Classes, Classes, 1, 1), "mu"));
    }

    [Test]
    public void StartsAsADenseCrfWithPotts()
    {
        using var crf = new CrfRnn(device, new CrfRnnConfig { Classes = Classes });
        using Tensor scores = Array4.Random(Scores, "scores").ToTensor(device);
        using Tensor image = Picture().ToTensor(device);
        using Tape tape = Tape.Inference();
        float[] refined = Ops.Softmax(crf.Forward(scores, image, ForwardContext.Inference)).ToChannelsLast();
        float[] probabilities = Ops.Softmax(scores).ToChannelsLast();
        float[] colors = image.ToChannelsLast();
        int pixels = Height * Width;
        for (int n = 0; n < Scores.N; n++)
        {
            byte[] rgb = [.. colors.Skip(n * pixels * 3).Take(pixels * 3).Select(v => (byte)v)];
            var map = new DilatedKernels.Segmentation.Inference.ProbabilityMap(Width, Height, Classes, probabilities[(n * pixels * Classes)..((n + 1) * pixels * Classes)]);
            float[] expected = new DenseCrf(DenseCrfConfig.CrfRnn).Refine(new(Width, Height, rgb), map).Values;
            Assert.That(OperatorCheck.RelativeError(refined[(n * pixels * Classes)..((n + 1) * pixels * Classes)], Array.ConvertAll(expected, v => (double)v)), Is.LessThan(1e-5));
        }
    }

    [Test]
    public void TrainingUsesFiveIterationsAndPredictionTen()
    {
        var config = new CrfRnnConfig { Classes = Classes };
        using var crf = new CrfRnn(device, config);
        using Tensor scores = Array4.Random(Scores, "scores").ToTensor(device);
        using Tensor image = Picture().ToTensor(device);
        using Tape tape = Tape.Inference();
        float[] five = Iterations(5);
        float[] ten = Iterations(10);
        Assert.That(crf.Forward(scores, image, ForwardContext.Training(1, 1)).ToArray(), Is.EqualTo(five));
        Assert.That(crf.Forward(scores, image, ForwardContext.Inference).ToArray(), Is.EqualTo(ten));
        Assert.That(ten, Is.Not.EqualTo(five));

        float[] Iterations(int count) =>
            crf.Forward(scores, image, crf.BilateralWeight.Value, crf.SpatialWeight.Value, crf.Compatibility.Value, count).ToArray();
    }

    [Test]
    public void LearnsWithTheNetworkBeforeIt()
    {
        using var crf = new CrfRnn(
            device, new CrfRnnConfig { Classes = Classes, BilateralSigma = 4, ColorSigma = 20, SpatialSigma = 1.5, BilateralWeight = 1, SpatialWeight = 1 });
        using var scores = new Parameter("scores", Array4.Random(Scores, "scores").ToTensor(device));
        using Tensor image = Picture().ToTensor(device);
        using LabelMap labels = LabelMap.FromArray(device, Scores.N, Height, Width, [.. Enumerable.Range(0, Scores.N * Height * Width).Select(i => (byte)(i % Width / 2))]);
        using var adam = new Adam([scores, .. crf.Parameters]);
        float first = Step();
        float last = first;
        for (int step = 0; step < 30; step++)
        {
            last = Step();
        }

        Assert.That(last, Is.LessThan(first / 2).And.Positive);
        foreach (Parameter parameter in crf.Parameters)
        {
            Assert.That(parameter.Value.ToArray(), Is.All.Matches<float>(float.IsFinite), parameter.Name);
        }

        float Step()
        {
            using Tape tape = Tape.Record();
            Tensor loss = Ops.SoftmaxCrossEntropy(crf.Forward(scores.Value, image, ForwardContext.Training(1, 1)), labels);
            tape.Backward(loss);
            adam.Step(0.05f);
            adam.ClearGradients();
            return loss.Item();
        }
    }

    [Test]
    public void EveryThreadCountGivesTheSameBits()
    {
        var shape = new Shape(1, 11, 61, 67);
        using Tensor image = Array4.From(new Shape(1, 3, 61, 67), (_, c, h, w) => (byte)((h * 3) + (w * 2) + (40 * c))).ToTensor(device);
        float[] one = Gradients(1);
        Assert.That(Gradients(2), Is.EqualTo(one));
        Assert.That(Gradients(5), Is.EqualTo(one));

        float[] Gradients(int threads)
        {
            using var crf = new CrfRnn(device, new CrfRnnConfig { Classes = 11, BilateralSigma = 30 }, threads: threads);
            using var scores = new Parameter("scores", Array4.Random(shape, "scores").ToTensor(device));
            using LabelMap labels = LabelMap.FromArray(device, 1, 61, 67, [.. Enumerable.Range(0, 61 * 67).Select(i => (byte)(i % 11))]);
            using Tape tape = Tape.Record();
            tape.Backward(Ops.SoftmaxCrossEntropy(crf.Forward(scores.Value, image, ForwardContext.Training(1, 1)), labels));
            return [.. scores.Gradient!.ToArray(), .. crf.Parameters.SelectMany(p => p.Gradient!.ToArray())];
        }
    }

    [Test]
    public void WhatDoesNotFitIsRefused()
    {
        using var crf = new CrfRnn(device, new CrfRnnConfig { Classes = Classes });
        using var scores = Tensor.Zeros(device, Scores);
        using var four = Tensor.Zeros(device, new Shape(2, 4, Height, Width));
        using var image = Tensor.Zeros(device, new Shape(2, 3, Height, Width));
        using var other = Tensor.Zeros(device, new Shape(1, 3, Height, Width));
        using Tensor broken = Array4.From(image.Shape, (_, _, h, w) => h == 1 && w == 2 ? double.NaN : 0).ToTensor(device);
        Assert.Multiple(() =>
        {
            Assert.That(() => crf.Forward(four, image, default), Throws.ArgumentException.With.Message.Contains("3 classes"));
            Assert.That(() => crf.Forward(null!, image, default), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("scores"));
            Assert.That(() => crf.Forward(scores, null!, default), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("image"));
            Assert.That(() => crf.Forward(scores, other, default), Throws.ArgumentException.With.Message.Contains("[2, 3, 4, 5]"));
            Assert.That(() => crf.Forward(scores, broken, default), Throws.ArgumentException.With.Message.Contains("pixel 7"));
            Assert.That(() => new CrfRnn(device, new CrfRnnConfig { Classes = 0 }), Throws.ArgumentException.With.Message.Contains("Classes is from 1 to 255; it was 0."));
            Assert.That(() => new CrfRnn(device, new CrfRnnConfig { Classes = 2, SpatialSigma = 0 }), Throws.ArgumentException.With.Message.Contains("SpatialSigma"));
            Assert.That(() => new CrfRnn(device, new CrfRnnConfig { Classes = 2, LearningRateMultiplier = 10_001 }), Throws.ArgumentException.With.Message.Contains("LearningRateMultiplier is from 0.0001 to 10000; it was 10001."));
            Assert.That(new CrfRnnConfig { Classes = 2, LearningRateMultiplier = 10_000 }.Validate, Throws.Nothing);
            Assert.That(new CrfRnnConfig { Classes = 2, LearningRateMultiplier = 0.0001 }.Validate, Throws.Nothing);
            Assert.That(() => new CrfRnn(device, new CrfRnnConfig { Classes = 2, TestIterations = 0 }), Throws.ArgumentException.With.Message.Contains("TestIterations"));
        });
    }

    private static Array4 Picture() => Array4.From(
        new Shape(Scores.N, 3, Height, Width), (n, c, h, w) => ((w < 2 + n ? 40 : 90) + (7 * h) + (3 * w * w) + (11 * c)) % 256);

    private static double[][,] Kernels(CrfRnnConfig config, Array4 picture, int n)
    {
        PixelFeatures bilateral = PixelFeatures.Bilateral(
            Width, Height, i => (Color(0, i), Color(1, i), Color(2, i)), config.BilateralSigma, config.ColorSigma);
        PixelFeatures spatial = PixelFeatures.Spatial(Width, Height, config.SpatialSigma);
        return
        [
            .. new[] { bilateral, spatial }.Select(features => CrfReference.Normalize(
                config.Kernel == CrfKernel.Exact ? CrfReference.Exact(features) : CrfReference.Lattice(features), CrfNormalization.Response)),
        ];

        float Color(int c, int i) => (float)picture[n, c, i / Width, i % Width];
    }

    private static Array4 Reference(Array4[] inputs, double[][][,] kernels, int iterations)
    {
        double[][,] weights = [Matrix(inputs[1]), Matrix(inputs[2])];
        double[,] mu = Matrix(inputs[3]);
        double[][,] scores = [.. Enumerable.Range(0, Scores.N).Select(n =>
        {
            double[,] unary = new double[Height * Width, Classes];
            for (int i = 0; i < unary.Length; i++)
            {
                unary[i / Classes, i % Classes] = inputs[0][n, i % Classes, i / Classes / Width, i / Classes % Width];
            }

            return CrfReference.MeanField(unary, kernels[n], weights, mu, iterations);
        })];
        return Array4.From(Scores, (n, c, h, w) => scores[n][(h * Width) + w, c]);
    }

    private static double[,] Matrix(Array4 weights) => weights.Shape.N == 1
        ? CrfReference.Diagonal(weights.Values)
        : CrfReference.From(Classes, (l, m) => weights.Values[(l * Classes) + m]);
}
