using System.Text.Json.Nodes;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>What a run can be asked for beyond the recipe: each option changes the run, and a run that is resumed follows it to the same bits.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public sealed class TrainingOptionsTests(Device device)
{
    private static readonly ModelConfig s_model = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig
        {
            Classes = 2,
            Stages = [new Stage(1, 4, PoolAfter: true)],
            FcKernel = 3,
            FcDilation = 2,
            FcChannels = 6,
            FinalDeviation = 0.1,
        },
        InputScale = 1.0 / 64,
        MeanBgr = [80, 80, 80],
        ClassNames = ["ground", "square"],
    };

    private static readonly Dictionary<string, Func<TrainingConfig, TrainingConfig>> s_options = new()
    {
        ["warm-up"] = config => config with { Optimizer = config.Optimizer with { WarmUp = 5 } },
        ["cosine"] = config => config with { Optimizer = config.Optimizer with { Schedule = ScheduleKind.Cosine } },
        ["clip-norm"] = config => config with { Optimizer = config.Optimizer with { ClipNorm = 0.01 } },
        ["accumulate"] = config => config with { Accumulate = 3 },
        ["scale"] = config => config with { Augmentation = new AugmentationConfig { LeastScale = 0.5, MostScale = 2 } },
        ["jitter"] = config => config with { Augmentation = new AugmentationConfig { Jitter = new ColorJitter(0.5, 0.4, 0.3) } },
        ["class-weights"] = config => config with { Loss = new LossConfig { Weighting = ClassWeighting.MedianFrequency } },
        ["focal"] = config => config with { Loss = new LossConfig { Kind = LossKind.Focal } },
        ["dice"] = config => config with { Loss = new LossConfig { Kind = LossKind.Dice } },
        ["cross-entropy+dice"] = config => config with
        {
            Accumulate = 2,
            Loss = new LossConfig { Kind = LossKind.CrossEntropyAndDice, Weighting = ClassWeighting.Given, ClassWeights = [1, 2.5] },
        },
    };

    private TemporaryFolder _folder = null!;

    public static IEnumerable<string> Options => s_options.Keys;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [TestCaseSource(nameof(Options))]
    public void ARunWithAnOptionIsResumedToTheSameBits(string option)
    {
        TrainingConfig plain = Configure();
        TrainingConfig config = s_options[option](plain);
        List<float> whole = Train(Trainer.Start(config, _folder["whole"], device));
        List<float> broken = Train(Trainer.Start(config, _folder["broken"], device), stopAfter: 3);
        broken.AddRange(Train(Trainer.Resume(_folder["broken"], device)));
        Assert.That(broken, Is.EqualTo(whole));
        Assert.That(File.ReadAllBytes(_folder["broken/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["whole/last.safetensors"])));
        Train(Trainer.Start(plain, _folder["plain"], device));
        Assert.That(Weights("whole"), Is.Not.EqualTo(Weights("plain")), "the option does something");
    }

    [Test]
    public void AConfigurationOfBeforeTheOptionsIsResumedToTheSameBits()
    {
        List<float> whole = Train(Trainer.Start(Configure(), _folder["whole"], device));
        List<float> broken = Train(Trainer.Start(Configure(), _folder["broken"], device), stopAfter: 3);
        JsonObject config = JsonNode.Parse(File.ReadAllText(_folder["broken/config.json"]))!.AsObject();
        foreach (string name in (string[])["accumulate", "loss", "earlyStop", "augmentation"])
        {
            Assert.That(config.Remove(name), name);
        }

        foreach (string name in (string[])["warmUp", "clipNorm"])
        {
            Assert.That(config["optimizer"]!.AsObject().Remove(name), name);
        }

        File.WriteAllText(_folder["broken/config.json"], config.ToJsonString());
        broken.AddRange(Train(Trainer.Resume(_folder["broken"], device)));
        Assert.That(broken, Is.EqualTo(whole));
        Assert.That(Weights("broken"), Is.EqualTo(Weights("whole")));
    }

    [Test]
    public void TheWeightsOfTheTrainingSplitAreKeptInTheConfiguration()
    {
        TrainingConfig config = Configure() with { Loss = new LossConfig { Weighting = ClassWeighting.MedianFrequency } };
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(config.Data), "train");
        using Trainer trainer = Trainer.Start(config, _folder["run"], device);
        double median = (report.ClassPixels[0] + report.ClassPixels[1]) / 2.0;
        Assert.That(trainer.Config.Loss!.ClassWeights, Is.EqualTo(report.ClassPixels.Select(pixels => median / pixels)).Within(1e-12), "both classes are in every image");
        JsonNode loss = JsonNode.Parse(File.ReadAllText(_folder["run/config.json"]))!["loss"]!;
        Assert.That(loss["weighting"]!.GetValue<string>(), Is.EqualTo("MedianFrequency"));
        Assert.That(loss["classWeights"]!.AsArray().Select(weight => weight!.GetValue<double>()), Is.EqualTo(trainer.Config.Loss.ClassWeights));
    }

    // A rate of next to nothing: no validation is better than the first.
    private TrainingConfig Idle => Configure() with { Steps = 40, ValidateEvery = 2, EarlyStop = 3, Optimizer = new OptimizerConfig { LearningRate = 1e-12, Schedule = ScheduleKind.Constant } };

    [Test]
    public void ARunThatGetsNoBetterEndsEarly([Values(0, 3, 5)] int interruptedAt)
    {
        using (Trainer whole = Trainer.Start(Idle, _folder["whole"], device))
        {
            TrainingResult result = whole.Run();
            Assert.That((result.Steps, result.IsComplete, result.StoppedEarly), Is.EqualTo((8, true, true)), "the first validation, and three more");
            Assert.That(Checkpoint.StepOf(result.BestCheckpoint!), Is.EqualTo(2));
            Assert.That(RunFacts.Read(_folder["whole/run.json"])!.IsComplete, Is.True);
        }

        if (interruptedAt > 0)
        {
            Train(Trainer.Start(Idle, _folder["broken"], device), stopAfter: interruptedAt);
            Train(Trainer.Resume(_folder["broken"], device));
            Assert.That(File.ReadAllBytes(_folder["broken/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["whole/last.safetensors"])));
        }

        using Trainer again = Trainer.Resume(_folder["whole"], device);
        TrainingResult ended = again.Run(_ => Assert.Fail("it has ended"));
        Assert.That((ended.Steps, ended.IsComplete, ended.StoppedEarly), Is.EqualTo((8, true, true)), "and stays ended");
    }

    [Test]
    public void AccumulatedBatchesAreOneOfAllTheirImages()
    {
        // Dropout is drawn for each batch.
        TrainingConfig config = Configure() with { Model = s_model with { FrontEnd = s_model.FrontEnd! with { Dropout = 0 } } };
        List<float> one = Train(Trainer.Start(config with { BatchSize = 6 }, _folder["one"], device));
        List<float> parts = Train(Trainer.Start(config with { BatchSize = 2, Accumulate = 3 }, _folder["parts"], device));
        Assert.That(parts, Is.EqualTo(one).Within(1e-5));
        Assert.That(OperatorCheck.RelativeError(Weights("parts"), Array.ConvertAll(Weights("one"), w => (double)w)), Is.LessThan(1e-4));
    }

    private float[] Weights(string run)
    {
        using SegmentationModel model = ModelFile.Load(_folder[$"{run}/last.safetensors"], Device.Cpu);
        return [.. model.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
    }

    private static List<float> Train(Trainer opened, int stopAfter = int.MaxValue)
    {
        using Trainer trainer = opened;
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

    private TrainingConfig Configure()
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, s_model, 1);
        return new TrainingConfig
        {
            Model = s_model,
            Data = SmallDataset.Create(_folder),
            BatchSize = 2,
            Crop = (2 * model.Margin) + (4 * model.Stride),
            Steps = 6,
            ValidateEvery = 2,
            CheckpointEvery = 4,
            Seed = 3,
            Optimizer = new OptimizerConfig { Kind = OptimizerKind.Sgd, LearningRate = 0.05 },
        };
    }
}
