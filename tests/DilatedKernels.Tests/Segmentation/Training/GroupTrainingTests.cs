using DilatedKernels.Distributed;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Distributed;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>Runs that several processes, here threads with a device each, train together: the files of a run that one process trains.</summary>
[NonParallelizable]
public sealed class GroupTrainingTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void TheFilesAreThoseOfOneProcess([Values(1, 2, 3, 4)] int processes)
    {
        TrainingConfig config = Configure() with
        {
            Augmentation = new AugmentationConfig { LeastScale = 0.5, MostScale = 2, Jitter = new ColorJitter(0.5, 0.4, 0.3) },
            Loss = new LossConfig { Kind = LossKind.CrossEntropyAndDice, Weighting = ClassWeighting.MedianFrequency },
            Optimizer = new OptimizerConfig { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = 0.05 },
        };
        Alone(config, "one");
        Together(processes, "many", group => Trainer.Start(config, _folder["many"], Device.CreateCpu(1), group: group));
        AssertSameFiles("one", "many", "config.json", "last.safetensors", "previous.safetensors", "best.safetensors");
        Assert.That(Rows("many"), Is.EqualTo(Rows("one")));
    }

    [Test]
    public void TheFilesAreThoseOfOneProcessOnTheGpuPath()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        TrainingConfig config = Configure() with { Steps = 3, Accumulate = 3 };
        using (Trainer trainer = Trainer.Start(config, _folder["one"], HostDevice.Open(driver!)))
        {
            trainer.Run();
        }

        Together(2, "many", group => Trainer.Start(config, _folder["many"], HostDevice.Open(driver!), group: group));
        AssertSameFiles("one", "many", "last.safetensors", "best.safetensors");
    }

    [Test]
    public void StoredScoreMapsAreComputedTogether()
    {
        TrainingConfig config = Configure();
        Alone(config with { Steps = 2 }, "front-end");
        config = config with
        {
            Recipe = Recipe.Context,
            Model = TinyFrontEnd.Config with { Context = ContextConfig.Basic(2) with { Padding = ContextPadding.PerLayer } },
            Weights = _folder["front-end/last.safetensors"],
            Crop = null,
        };
        Alone(config, "one");
        Together(3, "many", group => Trainer.Start(config, _folder["many"], Device.CreateCpu(1), group: group));
        string[] maps = [.. Directory.GetFiles(_folder["one/score-maps"]).Select(file => Path.Combine("score-maps", Path.GetFileName(file)))];
        Assert.That(maps, Has.Length.EqualTo(10), "five images and their mirror images");
        AssertSameFiles("one", "many", ["last.safetensors", .. maps]);
    }

    [Test]
    public void AnyProcessCanBeAskedToStopAndAnotherNumberGoesOn()
    {
        TrainingConfig config = Configure();
        Alone(config, "one");
        using var stop = new CancellationTokenSource();
        long[] steps = new long[3];
        LocalThreads.Run(3, group =>
        {
            using Trainer trainer = Trainer.Start(config, _folder["many"], Device.CreateCpu(1), group: group);
            bool isAsked = group.Rank == 2;
            TrainingResult result = trainer.Run(
                progress =>
                {
                    if (isAsked && progress.Step == 2)
                    {
                        stop.Cancel();
                    }
                },
                cancellation: isAsked ? stop.Token : CancellationToken.None);
            Assert.That(result.IsComplete, Is.False);
            steps[group.Rank] = result.Steps;
        });
        Assert.That(steps, Is.All.EqualTo(3), "the step at whose beginning all were told is the last");
        Together(2, "many", group => Trainer.Resume(_folder["many"], Device.CreateCpu(1), group: group));
        AssertSameFiles("one", "many", "last.safetensors", "best.safetensors");
        Assert.That(Rows("many"), Is.EqualTo(Rows("one")));

        // And one process alone goes on with what a group has done.
        using Trainer alone = Trainer.Resume(_folder["many"], Device.CreateCpu(1));
        Assert.That(alone.Step, Is.EqualTo(config.Steps));
    }

    [Test]
    public void StoppingEarlyIsDecidedAlike()
    {
        // Nothing learns, so the second validation is no better.
        TrainingConfig config = Configure() with { EarlyStop = 1, Steps = 20, Optimizer = new OptimizerConfig { Kind = OptimizerKind.Sgd, LearningRate = 1e-30 } };
        var results = new TrainingResult[3];
        LocalThreads.Run(3, group =>
        {
            using Trainer trainer = Trainer.Start(config, _folder["run"], Device.CreateCpu(1), group: group);
            results[group.Rank] = trainer.Run();
        });
        Assert.That(results.Select(result => (result.Steps, result.StoppedEarly, result.IsComplete)), Is.All.EqualTo((4, true, true)));
        Assert.That(results.Select(result => result.BestMeanIoU), Is.All.EqualTo(results[0].BestMeanIoU));
    }

    [Test]
    public void ALossThatIsNotFiniteEndsAllWithTheProcessThatFoundIt()
    {
        TrainingConfig config = Configure() with { Steps = 100, ValidateEvery = 0, CheckpointEvery = 100, Optimizer = new OptimizerConfig { Kind = OptimizerKind.Sgd, LearningRate = 1e5 } };
        Exception?[] errors = Errors(3, group =>
        {
            using Trainer trainer = Trainer.Start(config, _folder["run"], Device.CreateCpu(1), group: group);
            trainer.Run();
        });
        Assert.That(errors, Is.All.TypeOf<TrainingDivergedException>());
        Assert.That(errors.Select(error => error!.Message), Is.All.EqualTo(errors[0]!.Message));
        Assert.That(errors[0]!.Message, Does.Match(@"^The loss of step \d is .* On rank \d of 3 on host .+: .* Training stopped before that step's update; the last checkpoint is intact\."));
    }

    [Test]
    public void AProcessThatFailsEndsTheOthers()
    {
        TrainingConfig config = Configure();
        Exception?[] errors = LocalThreads.Errors(3, group =>
        {
            using Trainer trainer = Trainer.Start(config, _folder["run"], Device.CreateCpu(1), group: group);
            trainer.Run(progress =>
            {
                if (group.Rank == 1 && progress.Step == 2)
                {
                    throw new IOException("the disk has gone");
                }
            });
        });
        Assert.That(errors, Is.All.TypeOf<ProcessGroupException>());
        Assert.That(
            errors.Select(error => error!.Message),
            Is.All.StartsWith($"rank 1 of 3 on host {Environment.MachineName}: Training stopped at step 2: the disk has gone. The last checkpoint, {_folder["run/last.safetensors"]}, is intact"));
        using Trainer resumed = Trainer.Resume(_folder["run"], Device.CreateCpu(1));
        Assert.That(resumed.Step, Is.EqualTo(0));
    }

    [Test]
    public void WhatIsWrongEverywhereIsSaidOnce()
    {
        TrainingConfig config = Configure() with { Accumulate = 2 };
        AssertRefused(config, "run", "3 processes cannot share a step of 2 batches: each computes one or more. Let a step accumulate 3 or more (--accumulate)");
        Assert.That(Directory.Exists(_folder["run"]), Is.False);
        Alone(Configure() with { Steps = 1 }, "one");
        AssertRefused(Configure(), "one", $"{_folder["one"]} holds a run already.");
        AssertRefused(Configure() with { Data = _folder["nowhere"] }, "other", _folder["nowhere"]);
        Assert.That(Directory.Exists(_folder["other"]), Is.False);

        void AssertRefused(TrainingConfig asked, string run, string message)
        {
            Exception?[] errors = Errors(3, group => Trainer.Start(asked, _folder[run], Device.CreateCpu(1), group: group).Dispose());
            Assert.That(errors, Is.All.TypeOf<UserInputException>().With.Message.Contains(message).And.Message.Not.Contains("rank"));
        }
    }

    [Test]
    public void WhatIsWrongOnOneProcessIsSaidWithItsName()
    {
        TrainingConfig config = Configure();
        Exception?[] errors = Errors(
            2, group => Trainer.Start(group.Rank == 0 ? config : config with { Data = _folder["nowhere"] }, _folder["run"], Device.CreateCpu(1), group: group).Dispose());
        Assert.That(errors, Is.All.TypeOf<UserInputException>().With.Message.StartsWith($"rank 1 of 2 on host {Environment.MachineName}: ").And.Message.Contains(_folder["nowhere"]));
        Trainer.Start(config, _folder["run"], Device.CreateCpu(1)).Dispose();
    }

    [Test]
    public void ProcessesThatWouldTrainSomethingElseAreRefusedBeforeTheFirstStep()
    {
        TrainingConfig config = Configure();
        string copy = _folder["copy"];
        foreach (string file in Directory.GetFiles(config.Data, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(copy, Path.GetRelativePath(config.Data, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        string host = Environment.MachineName;
        Together(2, "alike", group => Trainer.Start(config with { Data = group.Rank == 0 ? config.Data : copy, Steps = 1 }, _folder["alike"], Device.CreateCpu(1), group: group));
        File.AppendAllText(new DirectoryInfo(copy).EnumerateFiles("0.png", SearchOption.AllDirectories).First(file => file.Directory!.Name == "train").FullName, " ");
        Refused(config with { Data = copy }, $"rank 1 of 2 on host {host} would do something else than rank 0 of 2 on host {host}: there the training split is ");
        Refused(config with { Optimizer = config.Optimizer with { LearningRate = 0.25 } }, "there optimizer.learningRate is 0.25, here optimizer.learningRate is ");
        Refused(config with { Accumulate = 7 }, "there accumulate is 7, here accumulate is 5. All processes must have the same program, options and files.");
        Trainer.Start(config, _folder["run"], Device.CreateCpu(1)).Dispose();

        void Refused(TrainingConfig other, string message)
        {
            Exception?[] errors = Errors(2, group => Trainer.Start(group.Rank == 0 ? config : other, _folder["run"], Device.CreateCpu(1), group: group).Dispose());
            Assert.That(errors, Is.All.TypeOf<UserInputException>().With.Message.Contains(message));
        }
    }

    [Test]
    public void ARunGoesOnWithNoMoreProcessesThanItHasBatches()
    {
        Alone(Configure() with { Steps = 1, Accumulate = 2 }, "run");
        Exception?[] errors = Errors(3, group => Trainer.Resume(_folder["run"], Device.CreateCpu(1), group: group).Dispose());
        Assert.That(errors, Is.All.TypeOf<UserInputException>().With.Message.EqualTo(
            "3 processes cannot share a step of 2 batches: each computes one or more. The run keeps its 2: start at most 2 processes."));
    }

    [Test]
    public void OtherNumbersThanTheFirstProcessHasAreNamed()
    {
        Exception?[] errors = Errors(3, group =>
        {
            using var same = new Parameter("same", Tensor.FromArray(Device.Cpu, Shape.PerChannel(2), [1f, 2f]));
            using var other = new Parameter("other", Tensor.FromArray(Device.Cpu, Shape.PerChannel(2), [1f, group.Rank == 2 ? 3f : 2f]));
            using var optimizer = new Adam([same, other]);
            SameNumbers.Check(group, [same], optimizer, 200);
            SameNumbers.Check(group, [same, other], optimizer, 200);
        });
        string host = Environment.MachineName;
        Assert.That(errors, Is.All.TypeOf<ProcessGroupException>().With.Message.StartsWith(
            $"After step 200 the numbers of 'other' on rank 2 of 3 on host {host} are others than on rank 0 of 3 on host {host}."));
    }

    [Test]
    public void TheSlowestProcessIsTold()
    {
        TrainingConfig config = Configure();
        var told = new List<SlowestProcess?>();
        LocalThreads.Run(2, group =>
        {
            using Trainer trainer = Trainer.Start(config, _folder["run"], Device.CreateCpu(1), group: group);
            trainer.Run(progress =>
            {
                if (group.Rank == 0)
                {
                    told.Add(progress.Slowest);
                }
            });
        });
        Assert.That(told[0], Is.Null, "nothing is known before the first step");
        Assert.That(told.Skip(1), Is.All.Matches<SlowestProcess?>(slowest => slowest is { Rank: 0 or 1, Time.Ticks: > 0 } && slowest.Host == Environment.MachineName));
    }

    private void Alone(TrainingConfig config, string run)
    {
        using Trainer trainer = Trainer.Start(config, _folder[run], Device.CreateCpu(1));
        trainer.Run();
    }

    private static void Together(int processes, string run, Func<ProcessGroup, Trainer> open) => LocalThreads.Run(processes, group =>
    {
        using Trainer trainer = open(group);
        Assert.That(trainer.Run().IsComplete, run);
    });

    // What each throws while the others may still be on their way out of their last call.
    private static Exception?[] Errors(int processes, Action<ProcessGroup> body)
    {
        var errors = new Exception?[processes];
        LocalThreads.Run(processes, group =>
        {
            try
            {
                body(group);
            }
            catch (Exception e)
            {
                errors[group.Rank] = e;
            }
        });
        return errors;
    }

    private void AssertSameFiles(string one, string many, params string[] names)
    {
        string[] pictures = [.. Directory.GetFiles(_folder[$"{one}/validation"], "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_folder[one], file)).Order()];
        Assert.That(pictures, Has.Length.GreaterThan(10));
        Assert.That(Directory.GetFiles(_folder[$"{many}/validation"], "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_folder[many], file)).Order(), Is.EqualTo(pictures));
        foreach (string name in names.Concat(pictures))
        {
            Assert.That(File.ReadAllBytes(Path.Combine(_folder[many], name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(_folder[one], name))), name);
        }
    }

    // All but the speed.
    private string[][] Rows(string run) => [.. File.ReadLines(_folder[$"{run}/metrics.csv"]).Select(line => line.Split(',')).Select(row => (string[])[row[0], row[1], row[2], row[4]])];

    private TrainingConfig Configure()
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, TinyFrontEnd.Config, 1);
        return new TrainingConfig
        {
            Model = TinyFrontEnd.Config,
            Data = SmallDataset.Create(_folder, training: 5, validation: 5),
            BatchSize = 2,
            Accumulate = 5,
            Crop = (2 * model.Margin) + (4 * model.Stride),
            Steps = 6,
            ValidateEvery = 2,
            CheckpointEvery = 4,
            Seed = 3,
            Optimizer = new OptimizerConfig { Kind = OptimizerKind.Sgd, LearningRate = 0.05 },
        };
    }
}
