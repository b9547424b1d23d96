using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Segmentation;

/// <summary>What several threads may do at once gives the bits of one; what they may not is refused.</summary>
[NonParallelizable]
public sealed class ConcurrencyTests
{
    private const int Threads = 4;

    private static readonly ModelConfig s_config = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig { Classes = 3, Stages = [new Stage(1, 4, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 6, Dropout = 0.5f, FinalDeviation = 1 },
        Context = ContextConfig.Basic(3) with { Padding = ContextPadding.PerLayer, Noise = 0.1 },
        InputScale = 1.0 / 64,
        MeanBgr = [80, 80, 80],
    };

    [TestCase("cpu")]
    [TestCase("host")]
    public void PredictionsOnOneModel(string where)
    {
        using Device device = Open(where);
        using SegmentationModel model = SegmentationModel.Create(device, s_config, 1);
        var predictor = new Predictor(model, tileCells: 3);
        RgbImage[] images = [.. Enumerable.Range(0, 6).Select(i => Noise(9 + (5 * i), 30 - (3 * i), i))];
        byte[][] expected = [.. images.Select(image => predictor.Predict(image).Indices)];
        long live = device.Memory.LiveBytes;
        AtOnce(thread =>
        {
            for (int i = 0; i < images.Length; i++)
            {
                int which = (i + thread) % images.Length;
                Assert.That(predictor.Predict(images[which]).Indices, Is.EqualTo(expected[which]), $"image {which}");
            }
        });
        // Tables of a few more sizes may have come.
        Assert.That(device.Memory.LiveBytes, Is.LessThan(live + 16_384));
    }

    [Test]
    public void LossesOfOneLabelMap()
    {
        using Device device = Device.CreateCpu(1);
        using LabelMap labels = LabelMap.FromArray(device, 1, 2, 2, [0, 1, 2, 0]);
        using Tensor scores = Tensor.Zeros(device, new Shape(1, 3, 2, 2));
        AtOnce(thread =>
        {
            for (int i = 0; i < 3000; i++)
            {
                using Tensor loss = Ops.SoftmaxCrossEntropy(scores, labels, 1000 + (Threads * i) + thread);
            }
        });
    }

    [TestCase("cpu")]
    [TestCase("host")]
    public void TrainingsAndPredictionsOnModelsOfTheirOwn(string where)
    {
        using Device device = Open(where);
        float[][] expected = Train(device, 1);
        using SegmentationModel still = SegmentationModel.Create(device, s_config, 9);
        RgbImage image = Noise(20, 20, 1);
        byte[] mask = new Predictor(still).Predict(image).Indices;
        AtOnce(thread =>
        {
            if (thread % 2 == 0)
            {
                // Its steps are noted and recorded while the others predict.
                Assert.That(Train(device, 1), Is.EqualTo(expected));
                return;
            }

            for (int i = 0; i < 5; i++)
            {
                Assert.That(new Predictor(still).Predict(image).Indices, Is.EqualTo(mask));
            }
        });
    }

    [Test]
    public void ATrainingStepBesideAPredictionIsRefusedAndTheOtherWayRound()
    {
        using Device device = Open("cpu");
        using SegmentationModel model = SegmentationModel.Create(device, s_config, 1);
        using var optimizer = new Sgd([.. model.Parameters]);
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.01f), 1, voidLabel: 255);
        float[][] before = [.. model.Parameters.Select(p => p.Value.ToArray())];
        using (ParameterUse.Read(model.Parameters))
        {
            Assert.That(() => training.Run(0, Input(model)), Refused("is in use"));
            Assert.That(() => optimizer.Step(1), Refused("is in use"));
            Assert.That(() => new Predictor(model).Predict(Noise(8, 8, 1)), Throws.Nothing, "predictions beside each other are allowed");
        }

        Assert.That(model.Parameters.Select(p => p.Value.ToArray()), Is.EqualTo(before));
        using (ParameterUse.Update(optimizer.Parameters))
        {
            Assert.That(() => new Predictor(model).Predict(Noise(8, 8, 1)), Refused("is being updated"));
            Assert.That(() => training.Run(0, Input(model)), Refused("is in use"));
        }

        Assert.That(training.Run(0, Input(model)), Is.Positive, "and afterwards it goes on");
        Assert.That(() => new Predictor(model).Predict(Noise(8, 8, 1)), Throws.Nothing);

        static NUnit.Framework.Constraints.Constraint Refused(string what) =>
            Throws.InvalidOperationException.With.Message.Contains(what).And.Message.Contains("trained by one thread or predicts on several");
    }

    [Test]
    public void WeightsAreNotLoadedBesideAPredictionNorSavedBesideAStep()
    {
        using var folder = new TemporaryFolder();
        using Device device = Open("cpu");
        using SegmentationModel model = SegmentationModel.Create(device, s_config, 1);
        string file = folder["x.safetensors"];
        ModelFile.Save(file, model);
        using (ParameterUse.Read(model.Parameters))
        {
            Assert.That(() => ModelFile.LoadWeights(file, model), Throws.InvalidOperationException.With.Message.Contains("is in use"));
            Assert.That(() => ModelFile.LoadMatching(file, model), Throws.InvalidOperationException.With.Message.Contains("is in use"));
            Assert.That(() => ModelFile.Save(file, model), Throws.Nothing);
        }

        using (ParameterUse.Update(model.Parameters))
        {
            Assert.That(() => ModelFile.Save(file, model), Throws.InvalidOperationException.With.Message.Contains("is being updated"));
            Assert.That(() => ModelFile.LoadWeights(file, model), Throws.InvalidOperationException.With.Message.Contains("is in use"));
        }

        Assert.That(() => ModelFile.LoadWeights(file, model), Throws.Nothing);
        Assert.That(() => ModelFile.Save(file, model), Throws.Nothing);
    }

    [Test]
    public void PredictionsAndStepsThatTakeTurnsAtRandomEndRightOrRefused()
    {
        using Device device = Open("cpu");
        using SegmentationModel model = SegmentationModel.Create(device, s_config, 1);
        using var optimizer = new Sgd([.. model.Parameters]);
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.01f), 1, voidLabel: 255);
        int done = 0;
        int refused = 0;
        AtOnce(thread =>
        {
            for (int i = 0; i < 30; i++)
            {
                try
                {
                    if (thread == 0)
                    {
                        training.Run(i, Input(model));
                    }
                    else
                    {
                        new Predictor(model).Predict(Noise(12, 12, 1));
                    }

                    Interlocked.Increment(ref done);
                }
                catch (InvalidOperationException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        });
        Assert.That(done + refused, Is.EqualTo(30 * Threads));
        Assert.That(done, Is.Positive);
        Assert.That(() => training.Run(30, Input(model)), Throws.Nothing, "nobody holds the parameters any more");
    }

    [Test]
    public void OneCrfForImagesOfSeveralSizes()
    {
        using Device device = Open("cpu");
        using var crf = new CrfRnn(device, new CrfRnnConfig { Classes = 3, TestIterations = 3 }, threads: 2);
        (int Height, int Width)[] sizes = [(6, 7), (7, 6), (9, 5), (6, 7)];
        float[][] expected = [.. sizes.Select((size, i) => Refine(size, i))];
        AtOnce(thread =>
        {
            for (int round = 0; round < 8; round++)
            {
                int which = (thread + round) % sizes.Length;
                Assert.That(Refine(sizes[which], which), Is.EqualTo(expected[which]));
            }
        });

        float[] Refine((int Height, int Width) size, int seed)
        {
            using Tape tape = Tape.Inference();
            using Tensor scores = Tensor.FromChannelsLast(device, new Shape(1, 3, size.Height, size.Width), Values(3 * size.Height * size.Width, seed, 2));
            using Tensor image = Tensor.FromChannelsLast(device, new Shape(1, 3, size.Height, size.Width), Values(3 * size.Height * size.Width, seed + 10, 60));
            return crf.Forward(scores, image, ForwardContext.Inference).ToArray();
        }
    }

    [Test]
    public void ARecordingThatNobodyDisposedIsGivenBack()
    {
        using Device device = Open("host");
        using SegmentationModel model = SegmentationModel.Create(device, s_config, 1);
        using var optimizer = new Sgd([.. model.Parameters]);
        Forget();
        long with = device.Memory.LiveBytes;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var next = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.01f), 1, voidLabel: 255);
        next.Run(3, Input(model));
        Assert.That(device.Memory.LiveBytes, Is.LessThan(with - 10_000));

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Forget()
        {
            var step = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.01f), 1, voidLabel: 255);
            for (int i = 0; i < 3; i++)
            {
                step.Run(i, Input(model));
            }

            Assert.That(step.Recorded!.IsRecorded, Is.True, step.WhyNotRecorded);
        }
    }

    private static Device Open(string where)
    {
        if (where == "cpu")
        {
            return Device.CreateCpu(2);
        }

        Device? host = HostDevice.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(host is not null, BuildPart.Host, reason);
        return host!;
    }

    private static float[][] Train(Device device, ulong seed)
    {
        using SegmentationModel model = SegmentationModel.Create(device, s_config, seed);
        using var optimizer = new Adam([.. model.Parameters]);
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.01f), seed, voidLabel: 255);
        for (int step = 0; step < 4; step++)
        {
            training.Run(step, Input(model));
        }

        return [.. model.Parameters.Select(p => p.Value.ToArray())];
    }

    private static StepInput Input(SegmentationModel model)
    {
        int size = (2 * model.Margin) + (3 * model.Stride);
        return new StepInput(new Shape(1, 3, size, size), Values(3 * size * size, 5, 50), new Size2(3, 3), [0, 1, 2, 255, 0, 1, 2, 0, 1]);
    }

    private static float[] Values(int count, int seed, double scale)
    {
        var random = new RandomSequence((ulong)seed, "concurrency");
        return [.. Enumerable.Range(0, count).Select(_ => (float)(scale * random.NextGaussian()))];
    }

    private static RgbImage Noise(int width, int height, int seed)
    {
        var random = new RandomSequence((ulong)seed, "noise");
        return new RgbImage(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(_ => (byte)random.NextInt32(256))]);
    }

    private static void AtOnce(Action<int> action)
    {
        using var gate = new Barrier(Threads);
        Task[] tasks = [.. Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(
            () =>
            {
                gate.SignalAndWait();
                action(thread);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WaitAll(tasks);
    }
}
