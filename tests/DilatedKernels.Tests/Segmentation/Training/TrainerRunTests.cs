using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Segmentation.Report;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>What a run does to its folder, and what is done to it while it runs.</summary>
public sealed class TrainerRunTests
{
    private static readonly ModelConfig s_model = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 4, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 6 },
        MeanBgr = [80, 80, 80],
        ClassNames = ["ground", "square"],
    };

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void AnInterruptionKeepsTheCheckpointBefore([Values(0, 2)] int at)
    {
        using var stop = new CancellationTokenSource();
        using (Trainer trainer = Start())
        {
            if (at == 0)
            {
                stop.Cancel();
            }

            trainer.Run(progress => Stop(progress, at, stop), cancellation: stop.Token);
        }

        // Written twice, the newest would stand in the place of the one before it, too.
        Assert.That(Checkpoint.StepOf(_folder["run/last.safetensors"]), Is.EqualTo(at));
        Assert.That(File.Exists(_folder["run/previous.safetensors"]) ? Checkpoint.StepOf(_folder["run/previous.safetensors"]) : null, Is.EqualTo(at == 0 ? null : 1));

        byte[] last = File.ReadAllBytes(_folder["run/last.safetensors"]);
        using (Trainer trainer = Trainer.Resume(_folder["run"], Device.Cpu))
        {
            using var atOnce = new CancellationTokenSource();
            atOnce.Cancel();
            trainer.Run(cancellation: atOnce.Token);
        }

        Assert.That(File.ReadAllBytes(_folder["run/last.safetensors"]), Is.EqualTo(last));
        Assert.That(File.Exists(_folder["run/previous.safetensors"]), Is.EqualTo(at != 0));
    }

    [Test]
    public void ACheckpointOfOtherSettingsIsRefused()
    {
        ReportRun.Train(_folder, "run");
        ReportRun.Train(_folder, "other", config => config with { Seed = 5, Optimizer = config.Optimizer with { LearningRate = 0.02 } });
        File.Copy(_folder["other/last.safetensors"], _folder["run/last.safetensors"], overwrite: true);
        Assert.That(
            () => Trainer.Resume(_folder["run"], Device.Cpu),
            Throws.TypeOf<UserInputException>().With.Message.Contains("seed is 5 there and 1 here; optimizer.learningRate is 0.02 there and 0.001 here").And.Message.Contains("--weights"));
        string config = File.ReadAllText(_folder["other/config.json"]);
        File.WriteAllText(_folder["other/config.json"], config.Replace("\"ground\"", "\"soil\"", StringComparison.Ordinal));
        Assert.That(() => Trainer.Resume(_folder["other"], Device.Cpu), Throws.TypeOf<UserInputException>().With.Message.Contains("model.classNames is [ground, square] there and [soil, square] here"));
        File.WriteAllText(_folder["other/config.json"], config.Replace("\"steps\": 12", "\"steps\": 14", StringComparison.Ordinal));
        using Trainer longer = Trainer.Resume(_folder["other"], Device.Cpu);
        Assert.That((longer.Step, longer.Run().Steps), Is.EqualTo((12L, 14L)), "more steps are no other run");
    }

    [Test]
    public void ARunThatIsInterruptedBeforeItGoesOnTookWhatItHadTaken()
    {
        string front = ReportRun.Train(_folder, "front", config => config with { Steps = 1 });
        string run = ReportRun.Train(_folder, "context", config => config with
        {
            Model = config.Model with { Context = ContextConfig.Basic(2) },
            Recipe = Recipe.Context,
            Weights = Path.Combine(front, "last.safetensors"),
            Crop = null,
            Steps = 2,
        });
        double took = RunFacts.Read(Path.Combine(run, "run.json"))!.Seconds;
        Assert.That(took, Is.GreaterThan(0));
        using var atOnce = new CancellationTokenSource();
        atOnce.Cancel();
        using Trainer trainer = Trainer.Resume(run, Device.Cpu);
        trainer.Run(cancellation: atOnce.Token);
        Assert.That(RunFacts.Read(Path.Combine(run, "run.json"))!.Seconds, Is.EqualTo(took));
    }

    [Test]
    public void WhereTheNewestCheckpointIsDamagedTheOneBeforeItIsNamed([Values] bool bothAreDamaged)
    {
        using (Trainer trainer = Start())
        {
            trainer.Run();
        }

        (string last, string previous) = (_folder["run/last.safetensors"], _folder["run/previous.safetensors"]);
        Damage(last);
        if (bothAreDamaged)
        {
            Damage(previous);
            Assert.That(
                () => Trainer.Resume(_folder["run"], Device.Cpu),
                Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{last}: ").And.Message.Contains($"{previous}, is damaged, too: start a new run"));
            return;
        }

        Assert.That(
            () => Trainer.Resume(_folder["run"], Device.Cpu),
            Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{last}: ").And.Message.Contains($"{previous}; put it in the place of {last}"));
        File.Move(previous, last, overwrite: true);
        using Trainer resumed = Trainer.Resume(_folder["run"], Device.Cpu);
        Assert.That(resumed.Run().IsComplete);

        static void Damage(string file)
        {
            byte[] bytes = File.ReadAllBytes(file);
            bytes[^1] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
    }

    [Test]
    public void ATrainingRunsOnceAtATime()
    {
        using var stop = new CancellationTokenSource();
        using Trainer trainer = Start();
        trainer.Run(
            progress =>
            {
                Assert.That(() => trainer.Run(), Throws.InvalidOperationException.With.Message.Contains("runs already"));
                Stop(progress, 2, stop);
            },
            cancellation: stop.Token);
        Assert.That(trainer.Step, Is.EqualTo(2));
        Assert.That(trainer.Run().IsComplete, "and afterwards it goes on");
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "A folder with an open file cannot be deleted there.")]
    public void ARunFolderThatIsGoneIsNamed()
    {
        using Trainer trainer = Start();
        Assert.That(
            () => trainer.Run(_ => Directory.Delete(_folder["run"], recursive: true)),
            Throws.InstanceOf<IOException>().With.Message.Contains($"at step 1: the run folder {_folder["run"]} is gone"));
    }

    private static void Stop(TrainingProgress progress, int at, CancellationTokenSource stop)
    {
        if (progress.Step == at)
        {
            stop.Cancel();
        }
    }

    private Trainer Start()
    {
        string data = SmallDataset.Create(_folder);
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, s_model, 1);
        var config = new TrainingConfig
        {
            Model = s_model,
            Data = data,
            BatchSize = 2,
            Crop = (2 * model.Margin) + (4 * model.Stride),
            Steps = 4,
            ValidateEvery = 0,
            CheckpointEvery = 1,
        };
        return Trainer.Start(config, _folder["run"], Device.Cpu);
    }
}
