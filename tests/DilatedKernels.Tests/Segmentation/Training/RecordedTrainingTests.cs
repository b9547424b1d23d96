using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Cli;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>Training over the GPU path, whose steps are recorded: other shapes, divergence, validation between steps, interruption.</summary>
[NonParallelizable]
public sealed class RecordedTrainingTests
{
    private const ulong Seed = 3;

    private static readonly ModelConfig s_config = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig
        {
            Classes = 2,
            Stages = [new Stage(1, 4, PoolAfter: true)],
            FcKernel = 3,
            FcDilation = 2,
            FcChannels = 6,
            Dropout = 0.5f,
            FinalDeviation = 0.1,
        },
        InputScale = 1.0 / 64,
        MeanBgr = [80, 80, 80],
        ClassNames = ["ground", "square"],
    };

    private HostDriver _driver = null!;

    [SetUp]
    public void Open()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        _driver = driver!;
    }

    [Test]
    public void StepsOfAnotherShapeAreRecordedAnew()
    {
        int[] cells = [4, 4, 4, 5, 5, 5, 4, 4, 4];
        using Device device = HostDevice.Open(_driver);
        using SegmentationModel one = SegmentationModel.Create(device, s_config, Seed);
        using SegmentationModel other = SegmentationModel.Create(device, s_config, Seed);
        using var optimizer = new Adam([.. one.Parameters]);
        using var called = new Adam([.. other.Parameters]);
        using var training = new TrainingStep(device, one, optimizer, new PolySchedule(0.01f, 0.9f, cells.Length), Seed, voidLabel: 255);
        for (int step = 0; step < cells.Length; step++)
        {
            StepInput input = Draw(one, cells[step], step);
            float loss = training.Run(step, input);
            Assert.That(loss, Is.EqualTo(RunAsCalled(device, other, called, step, input, cells.Length)), $"step {step}");
            Assert.That(training.Recorded!.IsRecorded, Is.EqualTo(step % 3 != 0), training.WhyNotRecorded);
        }

        Assert.That(optimizer.StepCount, Is.EqualTo(cells.Length));
        Assert.That(one.Parameters.Select(p => p.Value.ToArray()), Is.EqualTo(other.Parameters.Select(p => p.Value.ToArray())));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(4)]
    public void DivergenceLeavesTheParametersAsBeforeTheStep(int at)
    {
        using Device device = HostDevice.Open(_driver);
        using SegmentationModel model = SegmentationModel.Create(device, s_config, Seed);
        using var optimizer = new Sgd([.. model.Parameters]);
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.01f), Seed, voidLabel: 255);
        for (int step = 0; step < at; step++)
        {
            training.Run(step, Draw(model, 4, step));
        }

        float[][] before = [.. model.Parameters.Select(p => p.Value.ToArray())];
        StepInput input = Draw(model, 4, at);
        Array.Fill(input.Values, float.PositiveInfinity);
        TrainingDivergedException e = Assert.Throws<TrainingDivergedException>(() => training.Run(at, input))!;
        Assert.That(e.Step, Is.EqualTo(at));
        Assert.That(e.Message, Does.Contain($"The loss of step {at + 1} is NaN. An input").And.Contain("of Conv2d (").And.Contain("holds Infinity already"));
        Assert.That(optimizer.StepCount, Is.EqualTo(at));
        Assert.That(model.Parameters.Select(p => p.Value.ToArray()), Is.EqualTo(before));
        Assert.That(training.Run(at, Draw(model, 4, at)), Is.GreaterThan(0f).And.LessThan(10f));
    }

    [Test]
    public void RefusesAnOptimizerOnAnotherDevice()
    {
        using Device device = HostDevice.Open(_driver);
        using SegmentationModel model = SegmentationModel.Create(device, s_config, Seed);
        using var optimizer = new Sgd([.. model.Parameters]);
        ArgumentException e = Assert.Throws<ArgumentException>(
            () => new TrainingStep(Device.Cpu, model, optimizer, new ConstantSchedule(0.01f), Seed, voidLabel: 255).Dispose())!;
        Assert.That(e.Message, Does.Contain("run on cpu").And.Contain("are on cuda:0"));
    }

    [Test]
    public void AnInterruptedRunResumesToTheSameBits()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        TrainingConfig config = Configure(data);
        List<float> whole = Train(device => Trainer.Start(config, folder["whole"], device), stopAfter: int.MaxValue);
        List<float> broken = Train(device => Trainer.Start(config, folder["broken"], device), stopAfter: 5);
        Assert.That(broken, Has.Count.EqualTo(5));
        broken.AddRange(Train(device => Trainer.Resume(folder["broken"], device), stopAfter: int.MaxValue));
        Assert.That(broken, Is.EqualTo(whole));
        Assert.That(whole, Has.Count.EqualTo(config.Steps));
        Assert.That(File.ReadAllBytes(folder["broken/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["whole/last.safetensors"])));
    }

    private static List<float> Train(Func<Device, Trainer> open, int stopAfter)
    {
        HostDriver driver = HostDriver.TryOpen("plain", out _)!;
        using Device device = HostDevice.Open(driver);
        using Trainer trainer = open(device);
        using var stop = new CancellationTokenSource();
        var losses = new List<float>();
        trainer.Run(
            progress =>
            {
                losses.Add(progress.Loss);
                if (losses.Count == stopAfter)
                {
                    stop.Cancel();
                }
            },
            cancellation: stop.Token);
        return losses;
    }

    private static TrainingConfig Configure(string data)
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, s_config, Seed);
        return new TrainingConfig
        {
            Model = s_config,
            Data = data,
            BatchSize = 2,
            Crop = (2 * model.Margin) + (4 * model.Stride),
            Steps = 9,
            ValidateEvery = 3,
            CheckpointEvery = 4,
            Seed = Seed,
            Optimizer = new OptimizerConfig { LearningRate = 0.01 },
        };
    }

    private static float RunAsCalled(Device device, SegmentationModel model, Optimizer optimizer, int step, StepInput input, int steps)
    {
        using Tape tape = Tape.Record();
        using Tensor x = Tensor.FromChannelsLast(device, input.Shape, input.Values);
        using LabelMap labels = LabelMap.FromArray(device, input.Shape.N, input.LabelSize.Height, input.LabelSize.Width, input.Labels);
        Tensor loss = Ops.SoftmaxCrossEntropy(model.Forward(x, ForwardContext.Training(Seed, (ulong)step)), labels);
        tape.Backward(loss);
        optimizer.Step(new PolySchedule(0.01f, 0.9f, steps).At(step));
        optimizer.ClearGradients();
        return loss.Item();
    }

    private static StepInput Draw(SegmentationModel model, int cells, int step)
    {
        var random = new RandomSequence((ulong)step, "recorded training");
        int size = (2 * model.Margin) + (cells * model.Stride);
        float[] values = [.. Enumerable.Range(0, 2 * size * size * 3).Select(_ => (float)(50 * random.NextGaussian()))];
        byte[] labels = [.. Enumerable.Range(0, 2 * cells * cells).Select(_ => random.NextInt32(5) == 0 ? (byte)255 : (byte)random.NextInt32(2))];
        return new StepInput(new Shape(2, 3, size, size), values, cells, labels);
    }
}
